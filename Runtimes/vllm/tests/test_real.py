"""vLLM itself: one real zygote for all tests here, engines of the demo model, driven by the fake controller.

Run with `pytest -m real`; needs models/SmolLM2-135M-Instruct (`python -m worker_controller_vllm.demo_model`).
Limits are generous, for machines several times slower than ours.
"""

import json
import os
import select
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import MODEL
from real_runtime import ARGUMENTS, STAGES, Engine, Member, RealRuntime, call, post, stream

from worker_controller_vllm.memory import private_bytes

pytestmark = pytest.mark.real

MIB = 1 << 20


@pytest.fixture(scope="module")
def engine(runtime: RealRuntime) -> Iterator[Engine]:
    """One engine for all tests that leave it as it was."""
    made = runtime.assign(runtime.fork_pair(), MODEL, "smol")
    runtime.wait_until_ready(made)
    yield made
    runtime.kill(made)


def failed_stages(member: Member) -> list[dict[str, Any]]:
    return [stage for stage in member.stages() if "error" in stage]


def test_the_zygote_has_one_thread_and_says_its_versions(runtime: RealRuntime) -> None:
    assert len(os.listdir(f"/proc/{runtime.process.pid}/task")) == 1
    assert set(runtime.zygote.hello["versions"]) == {"vllm", "python"}
    assert "forks are not safe" not in runtime.log.read_text()


def test_idle_processes_own_little(runtime: RealRuntime) -> None:
    for member in (pair := runtime.fork_pair()):
        pong = runtime.controller.ask(member.peer, "ping")
        assert 0 < pong["private_bytes"] < 40 * MIB
        assert abs(pong["private_bytes"] - private_bytes(member.pid)) < 5 * MIB
    for member in pair:
        assert runtime.controller.ask(member.peer, "stop")["type"] == "done"
        assert runtime.wait_for_exit(member)["status"] == 0


def test_no_substitution_fell_back(engine: Engine, runtime: RealRuntime) -> None:
    for log in (runtime.log, engine.front_end.log, engine.core.log):
        assert "stock behaviour is kept" not in log.read_text()


def test_all_stages_are_told_in_order(engine: Engine) -> None:
    for member in engine.members:
        assert [stage["stage"] for stage in member.stages()] == STAGES[member.role]
        assert all(stage["ms"] >= 0 and "error" not in stage for stage in member.stages())


def test_the_socket_is_for_this_user_only(engine: Engine) -> None:
    assert engine.socket.stat().st_mode & 0o777 == 0o600


def test_greedy_answers(engine: Engine) -> None:
    completion = post(engine, "/v1/completions", prompt="The capital of France is", max_tokens=4)
    assert completion["choices"][0]["text"].startswith(" Paris")
    question = [{"role": "user", "content": "What is the capital of France?"}]
    chat = post(engine, "/v1/chat/completions", messages=question, max_tokens=16)
    assert chat["choices"][0]["message"]["content"] == "The capital of France is Paris."
    assert "".join(stream(engine.socket, "smol", "The capital of France is", 4)).startswith(" Paris")


def test_the_openai_client_streams_a_chat(engine: Engine) -> None:
    import httpx
    import openai

    transport = httpx.HTTPTransport(uds=str(engine.socket))
    client = openai.OpenAI(
        base_url="http://engine/v1", api_key="none", http_client=httpx.Client(transport=transport), timeout=120
    )
    question = [{"role": "user", "content": "What is the capital of France?"}]
    chunks = client.chat.completions.create(
        model="smol",
        messages=question,
        stream=True,
        temperature=0,
        max_tokens=16,
        stream_options={"include_usage": True},
    )
    seen = list(chunks)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in seen if chunk.choices)
    assert text == "The capital of France is Paris."
    assert seen[-1].usage.completion_tokens >= 7


def test_everything_else_that_the_stock_server_has(engine: Engine) -> None:
    assert call(engine.socket, "GET", "/health")[0] == 200
    models = json.loads(call(engine.socket, "GET", "/v1/models")[1])
    assert [model["id"] for model in models["data"]] == ["smol", engine.socket.stem]
    tokens = post(engine, "/tokenize", prompt="hello world")["tokens"]
    assert post(engine, "/detokenize", tokens=tokens)["prompt"] == "hello world"
    logprobs = post(engine, "/v1/completions", prompt="One, two,", max_tokens=2, logprobs=2)["choices"][0]["logprobs"]
    assert len(logprobs["token_logprobs"]) == 2
    metrics = call(engine.socket, "GET", "/metrics")[1].decode()
    assert 'vllm:generation_tokens_total{engine="0",model_name="smol"}' in metrics
    assert "vllm:cache_config_info" in metrics and "http_requests_total" in metrics


def test_a_structured_answer(engine: Engine) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string", "maxLength": 12}}, "required": ["city"]}
    answer = post(
        engine,
        "/v1/chat/completions",
        messages=[{"role": "user", "content": "The capital of France, as JSON"}],
        max_tokens=64,
        response_format={"type": "json_schema", "json_schema": {"name": "c", "schema": schema}},
    )
    assert "city" in json.loads(answer["choices"][0]["message"]["content"])


def test_other_kinds_of_structured_output(engine: Engine) -> None:
    """The core loads its tokenizer with the first such request of all; several at once want it together."""
    answers: list[str] = []

    def ask(structured: dict[str, Any]) -> None:
        body = {"prompt": "The colour of the sky is", "max_tokens": 8, "structured_outputs": structured}
        answers.append(post(engine, "/v1/completions", **body)["choices"][0]["text"])

    kinds = [{"choice": ["purple", "orange"]}, {"regex": "(purple|orange)"}, {"choice": ["purple", "orange"]}]
    threads = [threading.Thread(target=ask, args=(kind,)) for kind in kinds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(answers) == 3 and set(answers) <= {"purple", "orange"}


def test_mistakes_are_answered_as_by_the_stock_server(engine: Engine) -> None:
    status, body = call(engine.socket, "POST", "/v1/completions", {"model": "other", "prompt": "x"})
    assert (status, json.loads(body)["error"]["type"]) == (404, "NotFoundError")
    status, body = call(engine.socket, "POST", "/v1/completions", {"model": "smol", "prompt": "x", "max_tokens": -1})
    assert (status, json.loads(body)["error"]["type"]) == (400, "BadRequestError")
    status, body = call(engine.socket, "POST", "/v1/embeddings", {"model": "smol", "input": "x"})
    assert status == 404


def test_a_client_that_goes_away_aborts_its_request(engine: Engine, runtime: RealRuntime) -> None:
    before = runtime.controller.ask(engine.core.peer, "ping")["progress"]
    chunks = stream(engine.socket, "smol", "A very long story:", 1800, ignore_eos=True)
    next(chunks)
    chunks.close()

    def idle() -> bool:
        first = runtime.controller.ask(engine.core.peer, "ping")["progress"]
        time.sleep(0.3)  # The absence of steps has no event.
        return first == runtime.controller.ask(engine.core.peer, "ping")["progress"]

    runtime.controller.wait("abort", idle, 60)
    steps = runtime.controller.ask(engine.core.peer, "ping")["progress"] - before
    assert 0 < steps < 1500
    assert call(engine.socket, "GET", "/health")[0] == 200
    post(engine, "/v1/completions", prompt="x", max_tokens=1)


def test_a_stream_goes_on_while_the_controller_is_replaced(engine: Engine, runtime: RealRuntime) -> None:
    options = {"max_tokens": 100, "ignore_eos": True}
    undisturbed = post(engine, "/v1/completions", prompt="A long story:", **options)["choices"][0]["text"]
    received: list[str] = []
    first = threading.Event()

    def read() -> None:
        for text in stream(engine.socket, "smol", "A long story:", 100, ignore_eos=True):
            received.append(text)
            first.set()

    reader = threading.Thread(target=read)
    reader.start()
    assert first.wait(60)
    runtime.controller.hang_up()
    runtime.controller.listen()
    for member in engine.members:
        member.peer = runtime.controller.wait_for_hello(member.process)
        hello = member.peer.hello
        assert (hello["state"], hello["engine"]) == ("assigned", engine.socket.stem)
    runtime.zygote = runtime.controller.wait_for_hello("p-1")
    reader.join(120)
    assert "".join(received) == undisturbed


def test_two_models_one_after_another(runtime: RealRuntime, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(MODEL, other)
    for name, path in (("first", MODEL), ("second", other)):
        engine = runtime.assign(runtime.fork_pair(), path, name)
        runtime.wait_until_ready(engine)
        assert "".join(stream(engine.socket, name, "The capital of France is", 4)).startswith(" Paris")
        runtime.kill(engine)


def test_an_environment_that_would_override_the_controller(runtime: RealRuntime) -> None:
    environment = {"VLLM_API_KEY": "k", "VLLM_CPU_KVCACHE_SPACE": "9999"}
    engine = runtime.assign(runtime.fork_pair(), MODEL, "smol", environment=environment)
    runtime.wait_until_ready(engine)
    assert post(engine, "/v1/completions", prompt="x", max_tokens=1)["choices"]
    for name in environment:
        assert f"{name} is not used" in engine.front_end.log.read_text()
    runtime.kill(engine)


def test_processes_answer_while_a_model_loads(runtime: RealRuntime) -> None:
    engine = runtime.assign(runtime.fork_pair(), MODEL, "smol")
    answers = 0
    while len(engine.front_end.stages()) < len(STAGES["front_end"]):
        for member in engine.members:
            begin = time.monotonic()
            assert runtime.controller.ask(member.peer, "ping", seconds=10)["type"] == "pong"
            answers += 1
            assert time.monotonic() - begin < 5
    assert answers > 4
    runtime.kill(engine)


def test_a_killed_core_ends_its_front_end_at_once(runtime: RealRuntime) -> None:
    engine = runtime.assign(runtime.fork_pair(), MODEL, "smol")
    runtime.wait_until_ready(engine)
    descriptor = os.pidfd_open(engine.front_end.pid)
    os.kill(engine.core.pid, signal.SIGKILL)
    begin = time.monotonic()
    assert select.select([descriptor], [], [], 10)[0]
    took = time.monotonic() - begin
    os.close(descriptor)
    assert took < 0.2 * 3  # 200 ms, three times that on a slow machine.
    assert runtime.wait_for_exit(engine.core)["signal"] == 9
    assert runtime.wait_for_exit(engine.front_end)["status"] == 5
    assert f"(pid {engine.core.pid}) ended" in engine.front_end.log.read_text()


def test_an_engine_stops_when_told(runtime: RealRuntime) -> None:
    engine = runtime.assign(runtime.fork_pair(), MODEL, "smol")
    runtime.wait_until_ready(engine)
    requests = [(member, member.peer.request("stop")) for member in engine.members]
    for member, request in requests:
        runtime.controller.wait("done", lambda m=member, r=request: m.peer.answer_to(r))
        assert runtime.wait_for_exit(member)["status"] == 0


def test_a_killed_front_end_ends_its_core_while_it_loads(runtime: RealRuntime) -> None:
    engine = runtime.assign(runtime.fork_pair(), MODEL, "smol")
    os.kill(engine.front_end.pid, signal.SIGKILL)
    assert runtime.wait_for_exit(engine.core)["status"] == 5


def test_a_model_that_is_not_there(runtime: RealRuntime) -> None:
    engine = runtime.assign(runtime.fork_pair(), "/nowhere/model", "x")
    for member in engine.members:
        # The second one may still be working when the first one has failed.
        assert runtime.wait_for_exit(member)["status"] in (1, 5)
    errors = [stage for member in engine.members for stage in failed_stages(member)]
    assert errors and all(error["stage"] == "config" for error in errors)
    assert "/nowhere/model" in errors[0]["error"]


def test_weights_that_are_not_there(runtime: RealRuntime, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(MODEL, broken, ignore=shutil.ignore_patterns("*.safetensors"))
    engine = runtime.assign(runtime.fork_pair(), broken, "x")
    assert runtime.wait_for_exit(engine.core)["status"] == 1
    assert runtime.wait_for_exit(engine.front_end)["status"] == 5
    (error,) = failed_stages(engine.core)
    assert error["stage"] == "load"
    assert "Cannot find any model weights" in error["error"]
    assert "Traceback" in engine.core.log.read_text()


def test_a_context_length_that_is_too_long(runtime: RealRuntime) -> None:
    engine = runtime.assign(runtime.fork_pair(), MODEL, "x", {**ARGUMENTS, "max-model-len": 999_999})
    for member in engine.members:
        runtime.wait_for_exit(member)
    errors = {stage["error"] for member in engine.members for stage in failed_stages(member)}
    assert len(errors) == 1
    assert errors.pop().startswith("User-specified max_model_len (999999) is greater than the derived max_model_len")


def test_a_core_that_fails_while_it_serves_says_why_and_ends_first(runtime: RealRuntime) -> None:
    arguments = {**ARGUMENTS, "logits-processors": ["failing_logits_processor:Failing"]}
    engine = runtime.assign(runtime.fork_pair(), MODEL, "smol", arguments)
    runtime.wait_until_ready(engine)
    begin = time.monotonic()
    status, _ = call(engine.socket, "POST", "/v1/completions", {"model": "smol", "prompt": "x", "max_tokens": 4})
    assert status == 500
    assert runtime.wait_for_exit(engine.core)["status"] == 1
    assert runtime.wait_for_exit(engine.front_end)["status"] == 5
    assert time.monotonic() - begin < 10
    assert "RuntimeError: no token is good enough" in engine.core.log.read_text()


def test_an_unknown_argument_is_told_with_the_nearest(runtime: RealRuntime) -> None:
    arguments = {**ARGUMENTS, "max-modle-len": 3}
    engine = runtime.assign(runtime.fork_pair(), MODEL, "x", arguments)
    for member in engine.members:
        runtime.wait_for_exit(member)
    errors = {stage["error"] for member in engine.members for stage in failed_stages(member)}
    assert errors == {"unknown argument 'max-modle-len' (did you mean 'max-model-len')"}


def test_a_pooling_model_gets_its_own_routes(runtime: RealRuntime) -> None:
    """Its tasks are known only to the core, so its application is built when that is ready."""
    engine = runtime.assign(runtime.fork_pair(), MODEL, "x", {**ARGUMENTS, "runner": "pooling"})
    runtime.wait_until_ready(engine)
    vector = post(engine, "/v1/embeddings", input="hello")["data"][0]["embedding"]
    assert len(vector) == 576
    assert call(engine.socket, "POST", "/v1/completions", {"model": "x", "prompt": "y"})[0] == 404
    assert [stage["stage"] for stage in engine.front_end.stages()] == STAGES["front_end"]
    runtime.kill(engine)


def test_a_context_length_that_only_the_core_knows(runtime: RealRuntime) -> None:
    """It is what fits into the KV cache, so the application is built when the core is ready."""
    arguments = {"enforce-eager": True, "max-num-seqs": 4, "max-model-len": -1, "kv-cache-memory-bytes": 64 * MIB}
    engine = runtime.assign(runtime.fork_pair(), MODEL, "smol", arguments)
    runtime.wait_until_ready(engine)
    assert "the application is built again" not in engine.front_end.log.read_text()
    (served, _) = json.loads(call(engine.socket, "GET", "/v1/models")[1])["data"]
    assert 0 < served["max_model_len"] < 8192
    assert post(engine, "/tokenize", prompt="x")["max_model_len"] == served["max_model_len"]
    assert post(engine, "/v1/completions", prompt="The capital of France is", max_tokens=4)["choices"]
    assert call(engine.socket, "GET", "/metrics")[0] == 200
    assert [stage["stage"] for stage in engine.front_end.stages()] == STAGES["front_end"]
    runtime.kill(engine)


def test_temporary_files_stay_in_the_processes_own_directories(engine: Engine, runtime: RealRuntime) -> None:
    assert list(engine.core.temporary_directory.glob("vllm_dist_*"))
    found = {path.name for path in (runtime.run_directory / "t").iterdir()}
    assert {engine.core.process, engine.front_end.process, engine.input_socket.name, engine.output_socket.name} <= found
    assert not [name for name in found if not name.startswith("p-") and not name.endswith((".in", ".out"))]
    held = {os.readlink(link) for member in engine.members for link in Path(f"/proc/{member.pid}/fd").iterdir()}
    files = {path for path in held if path.startswith("/") and not path.startswith(("/dev/", "/proc/"))}
    assert all(Path(path).is_relative_to(runtime.run_directory) for path in files), files


def test_orphans_end_themselves() -> None:
    """A zygote of its own, since nobody is left when this is over; the controller gives a short time-out."""
    folder = Path(tempfile.mkdtemp(prefix="wc-"))
    runtime = RealRuntime(folder / "run")
    try:
        engine = runtime.assign(runtime.fork_pair(), MODEL, "smol")
        runtime.wait_until_ready(engine)
        runtime.controller.orphan_timeout_ms = 500
        runtime.controller.hang_up()
        runtime.controller.listen()
        for process in ("p-1", *(member.process for member in engine.members)):
            runtime.controller.wait_for_hello(process)
        runtime.controller.hang_up()
        runtime.process.wait(60)
        assert runtime.process.returncode == 3
        for member in engine.members:
            runtime.controller.wait("end", lambda pid=member.pid: not Path(f"/proc/{pid}").exists(), 30)
    finally:
        if runtime.process.poll() is None:
            runtime.process.kill()
        shutil.rmtree(folder)
