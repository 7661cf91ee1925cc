"""Templates of vLLM itself, and engines that are forked from them: one real zygote for all tests here.

Run with `pytest -m real`, as test_real.py. What is compared with was answered by an engine of the zygote.
"""

import json
import os
import re
import shutil
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from conftest import MODEL
from real_runtime import ARGUMENTS, STAGES, Engine, Member, RealRuntime, call, post

from worker_controller_vllm.memory import private_bytes

pytestmark = pytest.mark.real

MIB = 1 << 20
SUBJECTS = ["capital of France", "colour of the sky", "largest ocean", "first month", "opposite of hot"]
FORMS = ["The {} is", "Question: what is the {}? Answer:", "A poem about the {}:\n", "def {}():"]
PROMPTS = [form.format(subject) for subject in SUBJECTS for form in FORMS]
ALONE = PROMPTS[:4]
TOKENS = 48
DONE_MILLISECONDS = 500
"""More than any stage may take that was done in the template; each takes a few milliseconds on an idle machine."""


def answers(engine: Engine, prompts: list[str]) -> list[str]:
    """One after another: always the same."""
    return [text for prompt in prompts for text in answers_together(engine, [prompt])]


def answers_together(engine: Engine, prompts: list[str] = PROMPTS) -> list[str]:
    """As a batch, which computes differently from one at a time."""
    answer = post(engine, "/v1/completions", prompt=prompts, max_tokens=TOKENS, ignore_eos=True)
    assert answer["usage"]["completion_tokens"] == TOKENS * len(prompts)
    return [choice["text"] for choice in answer["choices"]]


@dataclass
class Expected:
    """What an engine of the zygote answers."""

    alone: list[str]
    together: list[str]

    def assert_same(self, engine: Engine) -> None:
        assert answers(engine, ALONE) == self.alone
        # On a busy machine some of a batch may come a step later than others, which changes what computes together.
        attempts = (answers_together(engine) for _ in range(3))
        assert any(found == self.together for found in attempts)


def started(runtime: RealRuntime, template: Member | None, name: str = "smol", **given: Any) -> Engine:
    pair = runtime.fork_pair(template.peer if template else None)
    engine = runtime.assign(pair, given.pop("path", MODEL), name, **given)
    runtime.wait_until_ready(engine)
    return engine


def times(member: Member) -> dict[str, float]:
    assert [stage["stage"] for stage in member.stages()] == STAGES[member.role]
    return {stage["stage"]: stage["ms"] for stage in member.stages()}


def threads_of(pid: int) -> list[str]:
    return [Path(f"/proc/{pid}/task/{task}/comm").read_text().strip() for task in os.listdir(f"/proc/{pid}/task")]


def blocks_of(engine: Engine) -> int:
    found = re.search(r'num_gpu_blocks="(\d+)"', call(engine.socket, "GET", "/metrics")[1].decode())
    assert found is not None
    return int(found[1])


@pytest.fixture(scope="module")
def expected(runtime: RealRuntime) -> Expected:
    engine = started(runtime, None)
    found = Expected(answers(engine, ALONE), answers_together(engine))
    runtime.kill(engine)
    assert len(set(found.together)) == len(PROMPTS)
    return found


@pytest.fixture(scope="module")
def warm(runtime: RealRuntime) -> Member:
    """A template without weights."""
    return runtime.make_template(MODEL, "smol")


@pytest.fixture(scope="module")
def warm_engine(runtime: RealRuntime, warm: Member) -> Iterator[Engine]:
    made = started(runtime, warm)
    yield made
    runtime.kill(made)


@pytest.fixture(scope="module")
def idle_pair(runtime: RealRuntime, warm: Member) -> tuple[Member, Member]:
    """Forked before the weights were there."""
    return runtime.fork_pair(warm.peer)


@pytest.fixture(scope="module")
def loaded(runtime: RealRuntime, warm: Member, warm_engine: Engine, idle_pair: tuple[Member, Member]) -> Member:
    """The same template, after it has loaded the weights."""
    prepared = runtime.prepare(warm, MODEL, "smol", weights=True)
    assert prepared["weights"] and "error" not in prepared, prepared
    assert [stage["stage"] for stage in prepared["stages"]] == ["load"]
    return warm


@pytest.fixture(scope="module")
def asleep_engine(runtime: RealRuntime, loaded: Member) -> Iterator[Engine]:
    made = started(runtime, loaded)
    yield made
    runtime.kill(made)


def test_a_template_says_what_it_did(warm: Member) -> None:
    (prepared,) = warm.peer.events("prepared")
    assert (prepared["model"], prepared["weights"], "error" in prepared) == ("smol", False, False)
    assert [stage["stage"] for stage in prepared["stages"]] == ["config", "tokenizer", "app", "attach"]
    assert prepared["private_bytes"] > 0


def test_an_engine_of_a_template_answers_as_one_of_the_zygote(warm_engine: Engine, expected: Expected) -> None:
    expected.assert_same(warm_engine)


def test_what_the_template_did_takes_no_time(warm_engine: Engine) -> None:
    front_end, core = times(warm_engine.front_end), times(warm_engine.core)
    for done in (front_end["config"], front_end["app"], core["config"], core["attach"]):
        assert done < DONE_MILLISECONDS


def test_an_engine_of_a_loaded_template_answers_the_same(asleep_engine: Engine, expected: Expected) -> None:
    expected.assert_same(asleep_engine)
    assert times(asleep_engine.core)["load"] < DONE_MILLISECONDS


def test_two_engines_of_one_loaded_template_at_once(
    runtime: RealRuntime, loaded: Member, asleep_engine: Engine, expected: Expected
) -> None:
    other = started(runtime, loaded)
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda engine: answers(engine, ALONE[:1]), (asleep_engine, other)))
    assert found == [expected.alone[:1]] * 2
    runtime.kill(other)
    assert answers(asleep_engine, ALONE[:1]) == expected.alone[:1]


def test_what_was_forked_before_the_weights_came_still_works(
    runtime: RealRuntime,
    loaded: Member,
    warm_engine: Engine,
    idle_pair: tuple[Member, Member],
    expected: Expected,
) -> None:
    assert answers(warm_engine, ALONE[:1]) == expected.alone[:1]
    late = runtime.assign(idle_pair, MODEL, "smol")
    runtime.wait_until_ready(late)
    assert answers(late, ALONE[:1]) == expected.alone[:1]
    runtime.kill(late)


def test_an_engine_is_found_under_its_own_names_only(warm_engine: Engine, asleep_engine: Engine) -> None:
    for engine, other in ((warm_engine, asleep_engine), (asleep_engine, warm_engine)):
        own = engine.socket.stem
        listed = json.loads(call(engine.socket, "GET", "/v1/models")[1])["data"]
        assert [model["id"] for model in listed] == ["smol", own]
        for name in ("smol", own):
            assert post(engine, "/v1/completions", model=name, prompt="x", max_tokens=1)["choices"]
        for name in ("other", other.socket.stem):
            status, body = call(engine.socket, "POST", "/v1/completions", {"model": name, "prompt": "x"})
            assert (status, json.loads(body)["error"]["type"]) == (404, "NotFoundError")


@pytest.mark.parametrize("which", ["warm_engine", "asleep_engine"])
def test_everything_else_that_a_server_has(request: pytest.FixtureRequest, which: str) -> None:
    engine = request.getfixturevalue(which)
    question = [{"role": "user", "content": "What is the capital of France?"}]
    chat = post(engine, "/v1/chat/completions", messages=question, max_tokens=16)
    assert chat["choices"][0]["message"]["content"] == "The capital of France is Paris."
    several = post(engine, "/v1/completions", prompt=PROMPTS, max_tokens=2)["choices"]
    assert len(several) == len(PROMPTS)
    tokens = post(engine, "/tokenize", prompt="hello world")["tokens"]
    assert post(engine, "/detokenize", tokens=tokens)["prompt"] == "hello world"
    choice = post(engine, "/v1/completions", prompt="A", max_tokens=8, structured_outputs={"choice": ["blue", "red"]})
    assert choice["choices"][0]["text"] in ("blue", "red")
    metrics = call(engine.socket, "GET", "/metrics")[1].decode()
    assert 'vllm:generation_tokens_total{engine="0",model_name="smol"}' in metrics
    assert call(engine.socket, "GET", "/health")[0] == 200


def test_no_substitution_fell_back(runtime: RealRuntime, warm_engine: Engine, asleep_engine: Engine) -> None:
    members = (*warm_engine.members, *asleep_engine.members)
    for log in (runtime.log, *runtime.log.parent.glob("p-2.log"), *(member.log for member in members)):
        assert "stock behaviour is kept" not in log.read_text(), log
        assert "forks are not safe" not in log.read_text(), log


def test_a_line_of_the_log_names_its_process_once(warm_engine: Engine) -> None:
    for member, title in zip(warm_engine.members, ("APIServer", "EngineCore"), strict=True):
        text = member.log.read_text()
        assert f"({title} pid={member.pid})" in text and "(Template pid=" not in text


def test_the_assignment_says_how_large_the_cache_is(
    runtime: RealRuntime, loaded: Member, asleep_engine: Engine
) -> None:
    arguments = {**ARGUMENTS, "kv-cache-memory-bytes": ARGUMENTS["kv-cache-memory-bytes"] * 2}
    larger = started(runtime, loaded, arguments=arguments)
    blocks = blocks_of(asleep_engine)
    assert blocks_of(larger) in (2 * blocks, 2 * blocks + 1)
    runtime.kill(larger)


def test_sleep_and_wake_are_answered(runtime: RealRuntime, asleep_engine: Engine, expected: Expected) -> None:
    """On CPU vLLM does nothing for them but write a log line."""
    identifier = asleep_engine.socket.stem
    which = {"engine": identifier, "generation": {"epoch": 4, "counter": int(identifier[2:])}}
    peer = asleep_engine.front_end.peer
    assert runtime.controller.ask(peer, "sleep", level=1, **which)["type"] == "done"
    assert runtime.controller.ask(peer, "wake", **which)["type"] == "done"
    assert answers(asleep_engine, ALONE[:1]) == expected.alone[:1]


def test_of_threads_only_those_that_are_idle_stay(loaded: Member) -> None:
    """The process groups' (gloo), torch's pool of its own beside OpenMP and the tokenizer's pool, as many as there are
    processors. They have nothing to do, and the libraries of the latter two know of forks.
    """
    found = threads_of(loaded.pid)
    others = [name for name in found if name not in ("gloo_tcp_loop", "pt_gloo_runloop")]
    processors = len(os.sched_getaffinity(0))
    assert len(others) <= 1 + (processors - 1) + processors, sorted(found)


def test_memory(
    runtime: RealRuntime,
    warm: Member,
    loaded: Member,
    asleep_engine: Engine,
    capsys: pytest.CaptureFixture[str],
) -> None:
    post(asleep_engine, "/v1/completions", prompt="x", max_tokens=1)
    core = runtime.controller.ask(asleep_engine.core.peer, "ping")
    weights = (MODEL / "model.safetensors").stat().st_size
    figures = {
        "template": warm.peer.events("prepared")[0]["private_bytes"],
        "loaded template": warm.peer.events("prepared")[-1]["private_bytes"],
        "core, its KV cache": core["cache_bytes"],
        "core, all else": core["private_bytes"] - core["cache_bytes"],
        "front end": private_bytes(asleep_engine.front_end.pid),
    }
    with capsys.disabled():
        print("", *(f"{name}: {size / MIB:.0f} MiB" for name, size in figures.items()), sep="\n  private memory, ")
    assert figures["template"] < 500 * MIB
    assert figures["loaded template"] < 500 * MIB + 2 * weights
    # What it touched in each layer, and what was made ready behind its first answer.
    assert 0 < core["cache_bytes"] <= ARGUMENTS["kv-cache-memory-bytes"]
    assert figures["core, all else"] < 300 * MIB
    assert figures["front end"] < 300 * MIB


def test_an_engine_of_another_path_is_refused(runtime: RealRuntime, warm: Member) -> None:
    engine = runtime.assign(runtime.fork_pair(warm.peer), "/models/other", "smol")
    for member in engine.members:
        assert runtime.wait_for_exit(member)["status"] in (1, 5)
    errors = [stage["error"] for member in engine.members for stage in member.stages() if "error" in stage]
    assert errors and f"this process was made for {MODEL}, not for /models/other" in errors[0]


def test_a_model_whose_tasks_only_the_core_knows(runtime: RealRuntime) -> None:
    arguments = {**ARGUMENTS, "runner": "pooling"}
    template = runtime.make_template(MODEL, "pool", arguments)
    engine = started(runtime, template, "pool", arguments=arguments)
    assert len(post(engine, "/v1/embeddings", input="hello")["data"][0]["embedding"]) == 576
    assert call(engine.socket, "POST", "/v1/completions", {"model": "pool", "prompt": "y"})[0] == 404
    times(engine.front_end)
    runtime.kill(engine)
    os.kill(template.pid, signal.SIGKILL)


def test_a_killed_template_leaves_its_engines_alone(runtime: RealRuntime, expected: Expected) -> None:
    template = runtime.make_template(MODEL, "smol", weights=True)
    engine = started(runtime, template)
    idle = runtime.fork_pair(template.peer)
    os.kill(template.pid, signal.SIGKILL)
    assert runtime.wait_for_exit(template)["signal"] == 9
    assert answers(engine, ALONE[:1]) == expected.alone[:1]
    late = runtime.assign(idle, MODEL, "smol")
    runtime.wait_until_ready(late)
    assert answers(late, ALONE[:1]) == expected.alone[:1]


def failure_of(runtime: RealRuntime, path: Path, weights: bool, **arguments: Any) -> tuple[dict[str, Any], Member]:
    template = runtime.fork("template")
    prepared = runtime.prepare(template, path, "broken", {**ARGUMENTS, **arguments}, weights=weights)
    assert runtime.wait_for_exit(template)["status"] == 1
    assert "Traceback" in template.log.read_text()
    return prepared, template


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A copy of the model, to be broken; its weights are links."""
    folder = tmp_path / "broken"
    shutil.copytree(MODEL, folder, copy_function=lambda source, target: os.symlink(source, target))
    return folder


def rewrite(folder: Path, **changes: Any) -> None:
    file = folder / "config.json"
    config = json.loads(file.read_text())
    file.unlink()
    file.write_text(json.dumps({**config, **changes}))


def test_truncated_weights(runtime: RealRuntime, broken: Path) -> None:
    file = broken / "model.safetensors"
    file.unlink()
    with (MODEL / file.name).open("rb") as whole:
        file.write_bytes(whole.read(20 * MIB))
    prepared, _ = failure_of(runtime, broken, weights=True)
    assert [stage["stage"] for stage in prepared["stages"]] == ["config", "tokenizer", "app", "attach"]
    assert not prepared["weights"] and "safetensor" in prepared["error"].lower()


def test_an_unknown_architecture(runtime: RealRuntime, broken: Path) -> None:
    rewrite(broken, architectures=["NobodyKnowsForCausalLM"], model_type="nobody-knows")
    prepared, _ = failure_of(runtime, broken, weights=False)
    assert prepared["stages"] == [] and "nobody" in prepared["error"].lower()


def test_a_model_whose_own_code_raises(runtime: RealRuntime, broken: Path) -> None:
    """It runs in the template, and nowhere else."""
    rewrite(broken, model_type="own", auto_map={"AutoConfig": "configuration_own.OwnConfig"})
    witness = broken / "ran-in"
    (broken / "configuration_own.py").write_text(
        f"import os, pathlib\npathlib.Path({str(witness)!r}).write_text(str(os.getpid()))\n"
        "raise LookupError('the stars are wrong')\n\n\nclass OwnConfig:\n    pass\n"
    )
    prepared, template = failure_of(runtime, broken, False, **{"trust-remote-code": True})
    assert "the stars are wrong" in prepared["error"]
    assert witness.read_text() == str(template.pid)


def test_the_zygote_is_as_it_was(runtime: RealRuntime) -> None:
    assert len(threads_of(runtime.process.pid)) == 1
    assert runtime.controller.ask(runtime.zygote, "ping")["type"] == "pong"
