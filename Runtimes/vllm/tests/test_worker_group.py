"""An executor's hold on its workers, which only pretend."""

import os
import signal
import socket
import threading
import time
from dataclasses import replace

import pytest
from bench import Bench
from leasing import fork_worker, grant_of, lease, order_of, reset, socket_of

from worker_controller_vllm import worker_group
from worker_controller_vllm.worker_group import WorkerError, WorkerGroup


def connect(bench: Bench, *processes: str) -> WorkerGroup:
    peers = [fork_worker(bench, process) for process in processes]
    for peer in peers:
        assert lease(bench, peer)["type"] == "accepted"
    return WorkerGroup.connect(grant_of(bench, *peers))


class Loss:
    """What the group says of a lost worker, and when."""

    def __init__(self) -> None:
        self.reason = ""
        self.at = 0.0
        self._came = threading.Event()

    def __call__(self, reason: str) -> None:
        self.reason, self.at = reason, time.monotonic()
        self._came.set()

    def wait(self, seconds: float = 10) -> str:
        assert self._came.wait(seconds), "no loss was told"
        return self.reason


def test_ranks_are_ready_in_their_order(bench: Bench) -> None:
    group = connect(bench, "p-2", "p-3")
    group.order([order_of(0), order_of(1)], 5)
    assert [word.answers["rank"] for word in group.wait_until_ready(10)] == [0, 1]
    begin = time.monotonic()
    assert group.let_go(wait=True)
    assert time.monotonic() - begin < 1


@pytest.mark.parametrize(("processes", "came"), [(["p-2"], r"worker p-2 \(rank 0, pid \d+\)"), ([], "nobody")])
def test_fewer_workers_than_ranks(bench: Bench, processes: list[str], came: str) -> None:
    """The others ended between the lease and the grant, and are not in it."""
    group = connect(bench, *processes)
    with pytest.raises(
        WorkerError, match=rf"^leased 2 workers, {len(processes)} came \({came}\): the others have ended$"
    ):
        group.order([order_of(0), order_of(1)], 5)
    assert group.let_go(wait=True)


def test_a_rank_that_fails_is_named_at_once(bench: Bench) -> None:
    """While the other one is loading still."""
    group = connect(bench, "p-2", "p-3")
    group.order([order_of(0, hang=True), order_of(1, **{"raise": "no such weights"})], 5)
    with pytest.raises(WorkerError, match=rf"worker p-3 \(rank 1, pid {bench.pids[1]}\) failed: ValueError: no such"):
        group.wait_until_ready(60)
    group.let_go(wait=False)
    assert bench.exited("p-2")["status"] == 5


def test_a_rank_that_dies_while_it_loads(bench: Bench) -> None:
    group = connect(bench, "p-2")
    group.order([order_of(exit=3)], 5)
    with pytest.raises(WorkerError, match=r"worker p-2 .* was lost while it loaded"):
        group.wait_until_ready(60)
    group.let_go(wait=True)


def test_a_rank_that_is_never_ready(bench: Bench) -> None:
    group = connect(bench, "p-2", "p-3")
    group.order([order_of(0), order_of(1, hang=True)], 5)
    with pytest.raises(WorkerError, match=r"not ready within 0.5 s: worker p-3 \(rank 1"):
        group.wait_until_ready(0.5)
    group.let_go(wait=False)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_worker_is_told_in_milliseconds(bench: Bench, number: int) -> None:
    group = connect(bench, "p-2", "p-3")
    group.order([order_of(0), order_of(1)], 5)
    group.wait_until_ready(10)
    loss = Loss()
    group.watch(loss)
    begin = time.monotonic()
    os.kill(bench.pids[1], number)
    assert f"worker p-3 (rank 1, pid {bench.pids[1]})" in loss.wait()
    assert loss.at - begin < 0.2
    group.let_go(wait=True)


def test_a_worker_that_is_reset_has_left(bench: Bench) -> None:
    peer = fork_worker(bench)
    lease(bench, peer)
    group = WorkerGroup.connect(grant_of(bench, peer))
    group.order([order_of()], 5)
    group.wait_until_ready(10)
    group.watch(loss := Loss())
    assert reset(bench, peer)["type"] == "done"
    assert loss.wait().endswith("left: it closed the connection")
    group.let_go(wait=True)


def test_a_rank_that_fails_says_why(bench: Bench) -> None:
    group = connect(bench, "p-2")
    group.order([order_of(fail="no memory")], 5)
    group.wait_until_ready(10)
    group.watch(loss := Loss())
    assert loss.wait().endswith("failed: ValueError: no memory")
    group.let_go(wait=True)


def test_letting_go_is_no_loss_and_leaves_no_descriptor(bench: Bench) -> None:
    before = set(os.listdir("/proc/self/fd"))
    group = connect(bench, "p-2", "p-3")
    group.order([order_of(0), order_of(1)], 5)
    group.wait_until_ready(10)
    group.watch(loss := Loss())
    assert group.let_go(wait=True)
    assert not loss.reason
    left = {number for number in set(os.listdir("/proc/self/fd")) - before if os.path.exists(f"/proc/self/fd/{number}")}
    controllers = {str(peer.connection.fileno()) for peer in bench.controller.peers}
    assert left <= controllers


def test_a_worker_that_does_not_leave_is_waited_for_only_so_long(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_group, "LET_GO_SECONDS", 0.2)
    group = connect(bench, "p-2")
    group.order([order_of()], 5)
    group.wait_until_ready(10)
    os.kill(bench.pids[0], signal.SIGSTOP)
    assert not group.let_go(wait=True)


def test_a_worker_that_never_answers(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_group, "ATTACH_SECONDS", 0.5)
    peer = fork_worker(bench)
    lease(bench, peer)
    os.kill(bench.pids[0], signal.SIGSTOP)
    with pytest.raises(WorkerError, match=r"worker p-2 .* cannot be reached: nothing came in time"):
        WorkerGroup.connect(grant_of(bench, peer))


def test_all_or_nothing(bench: Bench) -> None:
    """One refuses, and the others are let go of."""
    first, second = fork_worker(bench, "p-2"), fork_worker(bench, "p-3")
    lease(bench, first)
    with pytest.raises(WorkerError, match=r"worker p-3 \(rank 1, pid \d+\) refused: not leased"):
        WorkerGroup.connect(grant_of(bench, first, second))
    assert reset(bench, first)["type"] == "done"


def test_whoever_else_listens_there_is_told_nothing(bench: Bench) -> None:
    peer = fork_worker(bench)
    grant = grant_of(bench, peer)
    path = socket_of(bench, "p-9")
    with socket.socket(socket.AF_UNIX) as impostor:
        impostor.bind(path)
        impostor.listen()
        worker = replace(grant.workers[0], socket=path)
        with pytest.raises(WorkerError, match=f"process {os.getpid()} listens at {path}"):
            WorkerGroup.connect(replace(grant, workers=[worker]))


def test_a_worker_of_another_user_is_told_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    peer = fork_worker(bench)
    lease(bench, peer)
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(os, "geteuid", lambda: 65534)
        with pytest.raises(
            WorkerError, match=f"p-2 .* cannot be reached: a process of user {os.getuid()}, not of 65534"
        ):
            WorkerGroup.connect(grant_of(bench, peer))
    # Had it been told who comes, nobody could come a second time.
    assert WorkerGroup.connect(grant_of(bench, peer)).let_go(wait=True)


def test_a_worker_that_is_gone(bench: Bench) -> None:
    peer = fork_worker(bench)
    grant = grant_of(bench, peer)
    os.kill(bench.pids[0], signal.SIGKILL)
    bench.exited("p-2")
    with pytest.raises(WorkerError, match=r"worker p-2 .* cannot be reached: .*refused"):
        WorkerGroup.connect(grant)
