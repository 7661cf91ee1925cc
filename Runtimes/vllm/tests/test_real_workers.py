"""Leased workers with vLLM itself: one zygote for all tests here; the tests play the controller.

Run with `pytest -m real`; needs models/SmolLM2-135M-Instruct. What a stock vLLM answers is computed once, by the same
script that users' engines run here.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tiny_model
from bench import alive
from conftest import MODEL
from lease_desk import Held, LeaseDesk, descriptors_of
from real_runtime import ARGUMENTS, STAGES, Engine, Member, RealRuntime, call, post, stream

from worker_controller_vllm.engine_config import EXECUTOR, REMOTE_EXECUTOR
from worker_controller_vllm.lease_client import SOCKET_VARIABLE

pytestmark = pytest.mark.real

MIB = 1 << 20
TOKENS = 24
PROMPTS = ["The capital of France is", "One, two, three,", "def add(a, b):", "Once upon a time there was"]
EXACT = {**ARGUMENTS, "dtype": "float32", "kv-cache-memory-bytes": 64 * MIB, "max-model-len": 512}
"""In this precision the sum over two ranks rarely decides between two tokens."""

SCRIPT = Path(__file__).parent / "user_script.py"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model.make(tmp_path_factory.mktemp("models") / "tiny", MODEL)


@pytest.fixture(scope="module")
def stock(tiny: Path) -> dict[Path, list[list[int]]]:
    """What a stock vLLM answers in one process."""
    answers = {}
    for path in (MODEL, tiny):
        script = UserScript(path, EXECUTOR, 1, TOKENS, {"VLLM_ENABLE_V1_MULTIPROCESSING": "0"})
        answers[path] = script.finish()
    return answers


@pytest.fixture
def desk(runtime: RealRuntime) -> Iterator[LeaseDesk]:
    """Two workers that nobody has used."""
    made = LeaseDesk(runtime, [runtime.fork("worker"), runtime.fork("worker")])
    yield made
    made.close()


class UserScript:
    """`user_script.py` in a process of its own."""

    def __init__(self, model: Path, executor: str, size: int, tokens: int, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, SCRIPT, str(model), executor, str(size), str(tokens)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "HF_HUB_OFFLINE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind", **environment},
            start_new_session=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.process.stdin.write(json.dumps(PROMPTS).encode())
        self.process.stdin.close()

    def _read(self) -> None:
        for line in self.process.stdout:
            self.lines.append(line.decode(errors="replace").rstrip())

    @property
    def output(self) -> str:
        return "\n".join(self.lines)

    def is_ready(self) -> bool:
        assert self.process.poll() is None, self.output[-3000:]
        return "READY" in self.lines

    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def finish(self, seconds: float = 240) -> list[list[int]]:
        assert self.process.wait(seconds) == 0, self.output[-3000:]
        return self.answers()

    def answers(self) -> list[list[int]]:
        self._reader.join(30)
        (line,) = [line for line in self.lines if line.startswith("ANSWERS ")]
        return json.loads(line.removeprefix("ANSWERS "))

    def end(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(30)


class UserServer:
    """vLLM's own server in a process of its own, with leased workers and the demo model."""

    def __init__(self, desk: LeaseDesk, folder: Path) -> None:
        self._desk = desk
        self._log = folder / "server.log"
        self._socket = Path(tempfile.mkdtemp(prefix="wc-")) / "s"
        words = [f"--{name}" if value is True else f"--{name}={value}" for name, value in EXACT.items()]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "vllm.entrypoints.openai.api_server", f"--model={MODEL}"]
                + [f"--uds={self._socket}", "--served-model-name=m"]
                + [f"--distributed-executor-backend={REMOTE_EXECUTOR}", *words],
                env={**os.environ, "HF_HUB_OFFLINE": "1", **executor_environment(desk.runtime)},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        return self._log.read_text()

    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def wait_until_ready(self) -> Engine:
        """The engine, as one of ours is asked."""

        def serves() -> bool:
            assert not self.has_ended(), self.output[-3000:]
            try:
                return call(self._socket, "GET", "/health")[0] == 200
            except OSError:
                return False

        self._desk.wait("server", serves, 240)
        return Engine("m", self._socket, *([self._desk.workers[0]] * 2), self._socket, self._socket)

    def end(self) -> None:
        """Ends all of its processes, also those that outlived the first."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # All have ended.
        self.process.wait(30)


def start(desk: LeaseDesk, path: Path, workers: int, source: Member | None = None, **arguments: Any) -> Engine:
    """An engine of ours with so many leased workers, ready."""
    runtime = desk.runtime
    pair = runtime.fork_pair(source.peer if source else None)
    engine = runtime.assign(pair, path, "m", {**EXACT, **arguments}, workers=workers)
    desk.engines.append(engine)
    desk.wait_until_ready(engine)
    return engine


def answers_of(engine: Engine) -> list[list[int]]:
    options = {"max_tokens": TOKENS, "ignore_eos": True, "return_token_ids": True}
    return [post(engine, "/v1/completions", prompt=prompt, **options)["choices"][0]["token_ids"] for prompt in PROMPTS]


def executor_environment(runtime: RealRuntime, **more: str) -> dict[str, str]:
    return {SOCKET_VARIABLE: str(runtime.controller.path), **more}


def shared_memory() -> set[str]:
    return set(os.listdir("/dev/shm"))


def wait_until_left(desk: LeaseDesk, held: Held, seconds: float = 10) -> float:
    """Until every worker of a lease holds nothing of it; how long it took."""
    begin = time.monotonic()
    sockets = {str(desk.runtime.worker_socket(member.process)) for member in held.workers}

    def have_left() -> bool:
        return all(
            not Path(f"/proc/{member.pid}").exists()
            or desk.runtime.controller.ask(member.peer, "ping")["cache_bytes"] == 0
            for member in held.workers
        )

    assert sockets
    desk.wait("workers left", have_left, seconds)
    return time.monotonic() - begin


@pytest.mark.parametrize("size", [1, 2])
def test_leased_workers_answer_as_a_stock_vllm_does(
    desk: LeaseDesk, stock: dict[Path, list[list[int]]], tiny: Path, size: int
) -> None:
    before = shared_memory()
    path = MODEL if size == 1 else tiny
    engine = start(desk, path, size)
    assert [stage["stage"] for stage in engine.core.stages()] == STAGES["core"]
    assert answers_of(engine) == stock[path]
    assert shared_memory() == before, "something has a name that a kill would leave behind"
    for member in desk.workers[:size]:
        pong = desk.runtime.controller.ask(member.peer, "ping")
        assert pong["progress"] > TOKENS and pong["cache_bytes"] > 0
    for member in (*engine.members, *desk.workers):
        assert "stock behaviour is kept" not in member.log.read_text()
    desk.runtime.kill(engine)
    wait_until_left(desk, desk.leases[0])


def test_no_compiler_runs_in_a_first_token(desk: LeaseDesk, tiny: Path) -> None:
    """With two ranks vLLM looks tokens up in a function that is compiled at its first call: seconds, even cached."""
    engine = start(desk, tiny, 2)
    begin = time.monotonic()
    next(stream(engine.socket, "m", "One, two,", 2))
    assert time.monotonic() - begin < 1.0
    begin = time.monotonic()
    post(engine, "/v1/completions", prompt="One, two,", max_tokens=2, logprobs=2)
    assert time.monotonic() - begin < 1.0
    desk.runtime.kill(engine)


def test_a_template_of_leased_workers(desk: LeaseDesk, stock: dict[Path, list[list[int]]]) -> None:
    runtime = desk.runtime
    template = runtime.make_template(MODEL, "m", EXACT, workers=1)
    (prepared,) = template.peer.events("prepared")
    assert [stage["stage"] for stage in prepared["stages"]] == ["config", "tokenizer", "app"]
    engine = start(desk, MODEL, 1, template)
    assert answers_of(engine) == stock[MODEL]
    runtime.kill(engine)
    failed = runtime.prepare(template, MODEL, "m", EXACT, weights=True, workers=1)
    assert "weights cannot be kept in this model's template" in failed["error"]
    assert runtime.wait_for_exit(template)["status"] == 1


def test_a_worker_is_used_again_and_again(desk: LeaseDesk, stock: dict[Path, list[list[int]]], tiny: Path) -> None:
    (worker, _) = desk.workers
    baseline = desk.runtime.controller.ask(worker.peer, "ping")["private_bytes"]
    owned = []
    for path in (MODEL, tiny, MODEL, tiny):
        engine = start(desk, path, 1)
        assert answers_of(engine) == stock[path], path
        desk.runtime.kill(engine)
        (answer,) = desk.reset(desk.leases[-1])
        assert answer["type"] == "done", answer
        owned.append(desk.runtime.controller.ask(worker.peer, "ping")["private_bytes"] - baseline)
    assert owned[-1] < owned[1] + 32 * MIB, owned


def test_what_a_worker_of_a_group_cannot_give_back_is_told(desk: LeaseDesk, tiny: Path) -> None:
    desk.runtime.kill(start(desk, tiny, 2))
    for answer in desk.reset(desk.leases[-1]):
        assert (answer["type"], answer["reason"]) == ("failed", "left behind: the shared memory of a group on CPU")


def test_an_engine_is_parked_and_serves_again(
    desk: LeaseDesk, stock: dict[Path, list[list[int]]], runtime: RealRuntime
) -> None:
    engine = start(desk, MODEL, 1)
    assert answers_of(engine) == stock[MODEL]
    place = {"engine": engine.socket.stem, "generation": {"epoch": 4, "counter": int(engine.socket.stem[2:])}}

    def order(kind: str) -> dict[str, Any]:
        request = engine.front_end.peer.request(kind, **place)
        return desk.wait(kind, lambda: engine.front_end.peer.answer_to(request), 60)

    assert order("park")["type"] == "done"
    assert desk.leases[0].released_at is not None
    assert [answer["type"] for answer in desk.reset(desk.leases[0])] == ["done"]
    assert call(engine.socket, "GET", "/health")[0] == 200
    refused = order("park")
    assert refused["type"] == "failed" and "the engine is parked" in refused["reason"]
    desk.refusal = "1 worker is asked for, and all are leased"
    refused = order("unpark")
    assert refused["type"] == "failed" and "all are leased" in refused["reason"]
    desk.refusal = None
    desk.workers.reverse()
    answer = order("unpark")
    assert answer["type"] == "done", answer
    assert desk.leases[1].workers[0] is not desk.leases[0].workers[0]
    assert answers_of(engine) == stock[MODEL]
    again = order("unpark")
    assert again["type"] == "failed" and "has its workers" in again["reason"]
    runtime.kill(engine)


def test_a_killed_worker_ends_its_engine_at_once(desk: LeaseDesk, runtime: RealRuntime, tiny: Path) -> None:
    engine = start(desk, tiny, 2)
    chunks = stream(engine.socket, "m", "A very long story:", 400, ignore_eos=True)
    next(chunks)
    survivor, victim = desk.workers
    os.kill(victim.pid, signal.SIGKILL)
    begin = time.monotonic()
    with pytest.raises((ConnectionError, StreamBroke, OSError)):
        for _ in chunks:
            pass
        raise StreamBroke
    assert time.monotonic() - begin < 0.2 * 3  # 200 ms, three times that on a slow machine.
    assert runtime.wait_for_exit(engine.core)["status"] == 1
    assert f"worker {victim.process} (rank 1, pid {victim.pid})" in engine.core.log.read_text()
    # The other rank waited for the dead one in native code, which nothing can interrupt but the end of its process.
    assert runtime.wait_for_exit(survivor, 10)["status"] in (5,)


class StreamBroke(Exception):
    """The stream ended, however it did."""


def test_a_killed_core_frees_its_worker(desk: LeaseDesk, runtime: RealRuntime) -> None:
    engine = start(desk, MODEL, 1)
    chunks = stream(engine.socket, "m", "A very long story:", 400, ignore_eos=True)
    next(chunks)
    os.kill(engine.core.pid, signal.SIGKILL)
    assert wait_until_left(desk, desk.leases[0]) < 3
    assert [answer["type"] for answer in desk.reset(desk.leases[0])] == ["done"]
    runtime.wait_for_exit(engine.front_end)


def test_a_model_that_is_broken_is_told_by_the_core(desk: LeaseDesk, runtime: RealRuntime, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    for file in MODEL.iterdir():
        if file.suffix != ".safetensors":
            (broken / file.name).symlink_to(file)
    engine = runtime.assign(runtime.fork_pair(), broken, "m", EXACT, workers=1)
    desk.wait("failure", lambda: [stage for stage in engine.core.stages() if "error" in stage])
    error = engine.core.stages()[-1]
    assert error["stage"] == "load" and "Cannot find any model weights" in error["error"]
    assert error["error"].startswith(f"WorkerError: worker {desk.workers[0].process} (rank 0")
    runtime.wait_for_exit(engine.core)
    assert [answer["type"] for answer in desk.reset(desk.leases[0])] == ["done"]


def is_socket_of_vllm(name: str) -> bool:
    try:
        return str(uuid.UUID(name)) == name
    except ValueError:
        return False


@pytest.mark.parametrize(("multiprocessing", "size"), [("1", 1), ("0", 2)])
def test_an_unmodified_script_of_a_user(
    desk: LeaseDesk, stock: dict[Path, list[list[int]]], tiny: Path, multiprocessing: str, size: int
) -> None:
    path = MODEL if size == 1 else tiny
    before = shared_memory()
    environment = executor_environment(desk.runtime, VLLM_ENABLE_V1_MULTIPROCESSING=multiprocessing)
    with tempfile.TemporaryDirectory(prefix="wc-") as temporary:
        script = UserScript(path, REMOTE_EXECUTOR, size, TOKENS, {**environment, "TMPDIR": temporary})
        try:
            desk.wait("end of the script", script.has_ended, 240)
            assert script.finish(1) == stock[path]
        finally:
            script.end()
        # vLLM itself leaves the sockets of its engine's process there, whatever its executor.
        assert not [name for name in os.listdir(temporary) if not is_socket_of_vllm(name)]
    (held,) = desk.leases
    assert held.executor.hello["process"] == "" and held.released_at is not None
    assert shared_memory() == before


def test_an_unmodified_server_of_a_user(desk: LeaseDesk, stock: dict[Path, list[list[int]]], tmp_path: Path) -> None:
    server = UserServer(desk, tmp_path)
    try:
        assert answers_of(server.wait_until_ready()) == stock[MODEL]
        # The controller takes its workers back: vLLM then ends in its own way.
        (held,) = desk.leases
        revoke = held.executor.request("lease.revoke", engine=held.engine, generation=held.generation)
        answer = desk.wait("revoked", lambda: held.executor.answer_to(revoke), 20)
        assert answer["type"] == "done"
        assert [reset["type"] for reset in desk.reset(held)] == ["done"]
        desk.wait("end of the server", server.has_ended, 60)
        assert "the controller takes the workers back" in server.output
    finally:
        server.end()


@pytest.mark.parametrize("is_busy", [False, True], ids=["idle", "busy"])
def test_a_killed_server_of_a_user_frees_its_worker(desk: LeaseDesk, tmp_path: Path, is_busy: bool) -> None:
    """The server alone: vLLM's engine core, which has the lease, is another process, and would live on."""
    server = UserServer(desk, tmp_path)
    try:
        engine = server.wait_until_ready()
        (held,) = desk.leases
        core = held.executor.hello["pid"]
        assert core != server.process.pid
        chunks = stream(engine.socket, "m", "A very long story:", 400, ignore_eos=True)
        if is_busy:
            next(chunks)
        server.process.kill()
        assert wait_until_left(desk, held) < 5
        desk.wait("end of the core", lambda: not alive(core), 10)
        assert held.released_at is not None and held.executor.closed
        assert f"the process that started this engine (pid {server.process.pid}) has ended" in server.output
        assert [reset["type"] for reset in desk.reset(held)] == ["done"]
    finally:
        server.end()


def test_a_user_is_told_why_there_are_no_workers(desk: LeaseDesk) -> None:
    desk.refusal = "3 workers are asked for, and this node can have 2 on cpu:0"
    environment = executor_environment(desk.runtime, VLLM_ENABLE_V1_MULTIPROCESSING="0")
    script = UserScript(MODEL, REMOTE_EXECUTOR, 1, TOKENS, environment)
    try:
        desk.wait("end of the script", script.has_ended, 120)
        script._reader.join(30)
        assert script.process.returncode != 0
        assert f"LeaseError: the controller at {desk.runtime.controller.path} gives no workers: 3" in script.output
    finally:
        script.end()


def test_a_killed_user_frees_the_workers(desk: LeaseDesk, tiny: Path) -> None:
    """In the middle of its steps; nothing of it can tell anybody."""
    environment = executor_environment(desk.runtime, VLLM_ENABLE_V1_MULTIPROCESSING="0")
    with tempfile.TemporaryDirectory(prefix="wc-") as temporary:
        script = UserScript(tiny, REMOTE_EXECUTOR, 2, 480, {**environment, "TMPDIR": temporary})
        try:
            desk.wait("script", script.is_ready, 120)
            progress = desk.runtime.controller.ask(desk.workers[0].peer, "ping")["progress"]
            desk.wait(
                "steps", lambda: desk.runtime.controller.ask(desk.workers[0].peer, "ping")["progress"] > progress + 20
            )
        finally:
            script.end()
        assert wait_until_left(desk, desk.leases[0]) < 5
        assert len(desk.reset(desk.leases[0])) == 2  # Answered when they have let go of everything.
        # Where the ranks found each other is taken away by those that live.
        assert not [name for name in os.listdir(temporary) if not is_socket_of_vllm(name)]
    assert desk.leases[0].executor.closed


def test_a_worker_holds_nothing_of_an_engine_that_is_gone(desk: LeaseDesk, tiny: Path) -> None:
    (worker, _) = desk.workers
    for _ in range(2):
        desk.runtime.kill(start(desk, tiny, 1))
        assert desk.reset(desk.leases[-1])[0]["type"] == "done"
    held = descriptors_of(worker.pid)
    threads = len(os.listdir(f"/proc/{worker.pid}/task"))
    desk.runtime.kill(start(desk, tiny, 1))
    assert desk.reset(desk.leases[-1])[0]["type"] == "done"
    assert len(descriptors_of(worker.pid)) == len(held)
    assert len(os.listdir(f"/proc/{worker.pid}/task")) == threads
    files = {path for path in held.values() if path.startswith("/") and not path.startswith(("/dev/", "/proc/"))}
    assert all(Path(path).is_relative_to(desk.runtime.run_directory) for path in files), files
