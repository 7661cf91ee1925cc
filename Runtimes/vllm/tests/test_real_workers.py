"""Leased workers of our own engines with vLLM itself: one zygote for all tests here; the tests play the controller.

Run with `pytest -m real`; needs models/SmolLM2-135M-Instruct. What a stock vLLM answers is computed once, by the same
script that users' engines run (`test_real_users.py`).
"""

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import MODEL
from lease_desk import LeaseDesk, descriptors_of
from real_leases import EXACT, MIB, TOKENS, answers_of, shared_memory, wait_until_left
from real_runtime import STAGES, Engine, Member, RealRuntime, call, post, stream

from worker_controller_vllm.engine_process import RETURN_STAGES

pytestmark = pytest.mark.real


def start(desk: LeaseDesk, path: Path, workers: int, source: Member | None = None, **arguments: Any) -> Engine:
    """An engine of ours with so many leased workers, ready."""
    runtime = desk.runtime
    pair = runtime.fork_pair(source.peer if source else None)
    engine = runtime.assign(pair, path, "m", {**EXACT, **arguments}, workers=workers)
    desk.engines.append(engine)
    desk.wait_until_ready(engine)
    return engine


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


def test_an_idle_worker_has_rehearsed_a_start_and_holds_nothing_of_it(desk: LeaseDesk) -> None:
    """What makes a difference in time is that pages of memory are the worker's own by then."""
    (worker, other) = desk.workers
    for member in (worker, other):
        desk.wait("rehearsal", lambda log=member.log: "rehearsed a start in " in log.read_text(), 10)
        assert "vllm" not in member.log.read_text().lower().replace("worker_controller_vllm", "")
        files = [path for path in descriptors_of(member.pid).values() if path.startswith("/")]
        assert all(path == "/dev/null" or Path(path).is_relative_to(desk.runtime.run_directory) for path in files)
        assert not list(member.temporary_directory.glob("tmp*"))
        assert "gloo" not in " ".join(names_of_threads(member.pid))
        pong = desk.runtime.controller.ask(member.peer, "ping")
        assert 16 * MIB < pong["private_bytes"] < 64 * MIB


def names_of_threads(pid: int) -> list[str]:
    return [task.joinpath("comm").read_text().strip() for task in Path(f"/proc/{pid}/task").iterdir()]


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
    # The front end's answer and the core's last stage come on two connections, in any order.
    expected = ["config", *RETURN_STAGES, *RETURN_STAGES]
    desk.wait("every stage", lambda: len(engine.core.stages()) >= len(expected))
    assert [event["stage"] for event in engine.core.stages()] == expected
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
