"""Engines that the controller did not start, with vLLM itself: they lease workers, and give them back.

Run with `pytest -m real`; needs models/SmolLM2-135M-Instruct. The tests play the controller.
"""

import os
import tempfile
import uuid
from pathlib import Path

import pytest
from bench import alive
from conftest import MODEL
from lease_desk import LeaseDesk
from real_leases import TOKENS, answers_of, shared_memory, wait_until_left
from real_runtime import stream
from user_vllm import UserScript, UserServer, executor_environment

from worker_controller_vllm.engine_config import REMOTE_EXECUTOR

pytestmark = pytest.mark.real


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
    server = UserServer(desk, MODEL, tmp_path)
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
    server = UserServer(desk, MODEL, tmp_path)
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
