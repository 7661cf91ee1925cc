"""A worker and who comes to it, with a runtime that only pretends; the tests play controller and executor."""

import json
import os
import signal
import socket
import stat
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest
from bench import Bench, alive
from fake_controller import Peer
from leasing import ENGINE, GENERATION, fork_worker, grant_of, lease, order_of, reset, socket_of

from worker_controller_vllm.attachment import ask, receive_frame, refused, send_frame
from worker_controller_vllm.door import Door
from worker_controller_vllm.frames import MAX_FRAME_BYTES, encode_frame
from worker_controller_vllm.object_stream import StreamEnded, receive_object, send_object
from worker_controller_vllm.rank_order import RankFailed, RankReady
from worker_controller_vllm.worker_group import WorkerGroup

FAKE_EXECUTOR = Path(__file__).parent / "fake_executor.py"
ATTACH = {"type": "attach", "engine": ENGINE, "generation": GENERATION, "rank": 0}


def dial(bench: Bench, process: str = "p-2") -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(socket_of(bench, process))
    return connection


def attach(bench: Bench, **changes: object) -> tuple[socket.socket, dict]:
    connection = dial(bench)
    return connection, ask(connection, {**ATTACH, **changes}, 5)


def employ(bench: Bench, peer: Peer, **script: object) -> WorkerGroup:
    """Leases a worker and gives it a rank; returns when it is ready."""
    assert lease(bench, peer)["type"] == "accepted"
    group = WorkerGroup.connect(grant_of(bench, peer))
    group.order([order_of(**script)], 5)
    group.wait_until_ready(10)
    return group


def test_a_worker_says_who_it_is_and_listens_for_this_user_only(bench: Bench) -> None:
    hello = fork_worker(bench).hello
    assert (hello["role"], hello["state"], hello["device"]) == ("worker", "idle", "cpu:0")
    assert "reset" not in hello
    assert stat.S_IMODE(os.stat(socket_of(bench, "p-2")).st_mode) == 0o600


def test_a_worker_says_how_it_is_reset_and_what_it_owns_as_its_runtime_says_it(bench: Bench) -> None:
    peer = bench.fork("p-2", "worker", socket=socket_of(bench, "p-2"), device="cuda:0")
    assert peer.hello["reset"] == {"tolerance_bytes": 4096}
    assert "private_bytes" not in bench.controller.ask(peer, "ping")
    employ(bench, peer, owned=77).let_go(wait=True)
    assert bench.controller.ask(peer, "ping")["private_bytes"] == 77


def test_a_worker_rehearses_when_it_can_be_leased_and_until_somebody_comes(bench: Bench) -> None:
    peer = fork_worker(bench, device="cpu:7")
    assert peer.hello["state"] == "idle"
    bench.controller.wait("rehearsal", lambda: "on the stage" in bench.log_of("p-2"))
    assert bench.controller.ask(peer, "ping")["type"] == "pong"
    employ(bench, peer).let_go(wait=True)


def test_a_door_tells_at_once_when_somebody_knocks(tmp_path: Path) -> None:
    path = tmp_path / "door"
    door = Door(str(path), lambda pid: None, lambda *_: pytest.fail("nobody is let in"))
    assert not door.is_knocked_at()
    with socket.socket(socket.AF_UNIX) as visitor:
        visitor.connect(str(path))
        begin = time.monotonic()
        assert door.is_knocked_at(within=60)
        assert time.monotonic() - begin < 30


def test_a_rehearsal_that_fails_is_told_and_the_worker_works(bench: Bench) -> None:
    peer = fork_worker(bench, device="cpu:8")
    bench.controller.wait("rehearsal", lambda: "ValueError" in bench.log_of("p-2"))
    employ(bench, peer).let_go(wait=True)
    log = bench.log_of("p-2")
    assert "no start can be rehearsed" in log and "ValueError: forgot the words" in log


def test_a_worker_that_a_rehearsal_left_something_in_ends(bench: Bench) -> None:
    bench.ask_fork("p-2", "worker", socket=socket_of(bench, "p-2"), device="cpu:9")
    assert bench.exited("p-2")["status"] == 1
    assert "NotClean: left behind: the stage" in bench.log_of("p-2")


def test_a_worker_without_a_socket_is_not_forked(bench: Bench) -> None:
    answer = bench.ask_fork("p-2", "worker")
    assert (answer["type"], answer["reason"]) == ("failed", "a worker needs a socket")


def test_one_worker_serves_one_executor_after_the_other(bench: Bench) -> None:
    peer = fork_worker(bench)
    core = min(os.sched_getaffinity(0))
    for use in (1, 2, 3):
        generation = {"epoch": 4, "counter": use}
        assert lease(bench, peer, generation=generation, cores=[core])["type"] == "accepted"
        connection, answer = attach(bench, generation=generation)
        assert answer == {"type": "attached"}
        send_object(connection, order_of(rank=use), 5)
        ready = receive_object(connection, 5)
        assert isinstance(ready, RankReady)
        facts = ready.answers
        assert (facts["rank"], facts["uses"], facts["cores"], facts["device"]) == (use, use, [core], "cpu:0")
        assert facts["threads"] == 3  # Main, control and the one that watches the executor.
        pong = bench.controller.ask(peer, "ping")
        assert (pong["progress"], pong["cache_bytes"]) == (3 * use, 4096)
        life = bench.controller.ask(peer, "ping", memory=False)
        assert (life["progress"], life["cache_bytes"], "private_bytes" in life) == (3 * use, 0, False)
        connection.close()
        assert reset(bench, peer, generation)["type"] == "done"
        assert bench.controller.ask(peer, "ping")["cache_bytes"] == 0


def test_a_leased_worker_says_so_to_the_next_controller(bench: Bench) -> None:
    lease(bench, fork_worker(bench))
    bench.controller.hang_up()
    bench.controller.listen()
    hello = bench.controller.wait_for_hello("p-2").hello
    assert (hello["state"], hello["engine"], hello["generation"]) == ("assigned", ENGINE, GENERATION)


def test_a_worker_takes_one_lease(bench: Bench) -> None:
    peer = fork_worker(bench)
    lease(bench, peer)
    refused = lease(bench, peer, generation={"epoch": 4, "counter": 10})
    assert (refused["type"], refused["reason"]) == ("failed", "not idle: e-3 is here (leased)")
    assert attach(bench)[1] == {"type": "attached"}


@pytest.mark.parametrize("fields", [{"executor_pid": None}, {"cores": "0"}, {"generation": {"epoch": 4}}])
def test_a_lease_that_makes_no_sense_fails(bench: Bench, fields: dict) -> None:
    peer = fork_worker(bench)
    answer = lease(bench, peer, **fields)
    assert answer["type"] == "failed" and next(iter(fields)) in answer["reason"]
    assert lease(bench, peer)["type"] == "accepted"


def test_before_a_lease_nobody_is_let_in(bench: Bench) -> None:
    fork_worker(bench)
    assert attach(bench)[1] == {"type": "refused", "reason": "not leased"}


def test_another_process_is_not_even_listened_to(bench: Bench) -> None:
    lease(bench, fork_worker(bench))
    script = (
        "import socket,sys; c = socket.socket(socket.AF_UNIX); c.connect(sys.argv[1]); "
        "sys.stdout.buffer.write(c.recv(4096))"
    )
    stranger = subprocess.run([sys.executable, "-c", script, socket_of(bench, "p-2")], capture_output=True, timeout=20)
    answer = json.loads(stranger.stdout[4:])
    assert answer["type"] == "refused" and f"leased to process {os.getpid()}, not to" in answer["reason"]
    assert attach(bench)[1] == {"type": "attached"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_is_not_even_listened_to(bench: Bench) -> None:
    """Also where the socket's folder and mode would let it in."""
    lease(bench, fork_worker(bench))
    os.chmod(bench.run_directory, 0o711)
    os.chmod(socket_of(bench, "p-2"), 0o666)
    script = (
        "import os,socket,sys; os.setgroups([]); os.setgid(65534); os.setuid(65534); "
        "c = socket.socket(socket.AF_UNIX); c.connect(sys.argv[1]); sys.stdout.buffer.write(c.recv(4096))"
    )
    stranger = subprocess.run([sys.executable, "-c", script, socket_of(bench, "p-2")], capture_output=True, timeout=20)
    assert json.loads(stranger.stdout[4:]) == {"type": "refused", "reason": "a process of user 65534, not of 0"}
    assert attach(bench)[1] == {"type": "attached"}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"generation": {"epoch": 4, "counter": 8}}, "leased to e-3 in generation 4.9, not to e-3 in 4.8"),
        ({"generation": {"epoch": 3, "counter": 9}}, "leased to e-3 in generation 4.9, not to e-3 in 3.9"),
        ({"engine": "e-4"}, "leased to e-3 in generation 4.9, not to e-4 in 4.9"),
        ({"generation": 9}, "bad frame: attach without engine, generation and rank"),
        ({"rank": True}, "bad frame: attach without engine, generation and rank"),
        ({"type": "hello"}, "bad frame: 'hello' instead of 'attach'"),
        ({"type": 7}, "bad frame: no type"),
    ],
)
def test_an_executor_that_says_something_else_is_told_why_it_may_not(bench: Bench, changes: dict, reason: str) -> None:
    lease(bench, fork_worker(bench))
    assert attach(bench, **changes)[1] == {"type": "refused", "reason": reason}
    assert attach(bench)[1] == {"type": "attached"}


def test_a_refusal_is_heard_though_nobody_listens_any_more() -> None:
    own, other = socket.socketpair()
    send_frame(other, refused("not leased"), 5)
    other.close()
    assert ask(own, ATTACH, 5) == {"type": "refused", "reason": "not leased"}
    with pytest.raises(StreamEnded):
        ask(own, ATTACH, 5)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (struct.pack(">I", 4) + b"nope", "bad frame: not JSON"),
        (struct.pack(">I", 2) + b"[]", "bad frame: not an object"),
        (struct.pack(">I", 0), "bad frame: empty"),
        (struct.pack(">I", MAX_FRAME_BYTES + 1), "bad frame: too long"),
        (b"\xff\xff\xff\xff", "bad frame: too long"),
    ],
)
def test_a_frame_that_is_none(bench: Bench, data: bytes, reason: str) -> None:
    lease(bench, fork_worker(bench))
    connection = dial(bench)
    connection.sendall(data)
    assert receive_frame(connection, 5) == {"type": "refused", "reason": reason}
    with pytest.raises(StreamEnded):
        receive_frame(connection, 5)
    assert attach(bench)[1] == {"type": "attached"}


@pytest.mark.parametrize("length", [0, 3, 20])
def test_a_frame_that_is_cut_short(bench: Bench, length: int) -> None:
    lease(bench, fork_worker(bench))
    connection = dial(bench)
    connection.sendall(encode_frame(ATTACH)[:length])
    connection.close()
    assert attach(bench)[1] == {"type": "attached"}


@pytest.mark.parametrize(
    "data",
    [b"", b"\0\0", struct.pack(">Q", 1 << 40), struct.pack(">Q", 100) + b"x" * 50, struct.pack(">Q", 4) + b"junk"],
    ids=["nothing", "half a length", "too long", "cut short", "no object"],
)
def test_an_executor_that_leaves_before_its_order_or_says_nonsense(bench: Bench, data: bytes) -> None:
    peer = fork_worker(bench)
    lease(bench, peer)
    connection, _ = attach(bench)
    connection.sendall(data)
    connection.close()
    assert reset(bench, peer)["type"] == "done"
    employ(bench, peer).let_go(wait=True)


def test_an_object_that_is_no_order(bench: Bench) -> None:
    peer = fork_worker(bench)
    lease(bench, peer)
    connection, _ = attach(bench)
    send_object(connection, {"rank": 0}, 5)
    with pytest.raises(StreamEnded):
        receive_object(connection, 5)
    assert reset(bench, peer)["type"] == "done"
    assert "it wants dict" in bench.log_of("p-2")


def test_the_same_lease_lets_nobody_in_twice(bench: Bench) -> None:
    peer = fork_worker(bench)
    employ(bench, peer).let_go(wait=True)
    assert attach(bench)[1] == {"type": "refused", "reason": "e-3 came already"}
    assert lease(bench, peer, generation={"epoch": 4, "counter": 10})["reason"] == "not idle: e-3 is here (spent)"
    assert reset(bench, peer)["type"] == "done"


def test_a_rank_that_cannot_be_made_is_told_to_the_executor(bench: Bench) -> None:
    peer = fork_worker(bench)
    lease(bench, peer)
    connection, _ = attach(bench)
    send_object(connection, order_of(**{"raise": "no such weights"}), 5)
    assert receive_object(connection, 5) == RankFailed("ValueError: no such weights")
    with pytest.raises(StreamEnded):
        receive_object(connection, 5)
    assert reset(bench, peer)["type"] == "done"
    assert "Traceback" in bench.log_of("p-2")


def test_a_rank_that_fails_while_it_serves_says_why(bench: Bench) -> None:
    peer = fork_worker(bench)
    lease(bench, peer)
    connection, _ = attach(bench)
    send_object(connection, order_of(fail="no memory"), 5)
    assert isinstance(receive_object(connection, 5), RankReady)
    assert receive_object(connection, 5) == RankFailed("ValueError: no memory")
    assert reset(bench, peer)["type"] == "done"


def test_a_reset_ends_the_work_and_tells_the_executor(bench: Bench) -> None:
    peer = fork_worker(bench)
    lease(bench, peer)
    connection, _ = attach(bench)
    send_object(connection, order_of(), 5)
    receive_object(connection, 5)
    begin = time.monotonic()
    assert reset(bench, peer)["type"] == "done"
    assert time.monotonic() - begin < 1
    with pytest.raises(StreamEnded, match="it closed the connection"):
        receive_object(connection, 5)
    assert reset(bench, peer)["type"] == "done"
    employ(bench, peer).let_go(wait=True)


def test_a_reset_before_the_executor_came(bench: Bench) -> None:
    peer = fork_worker(bench)
    lease(bench, peer)
    assert reset(bench, peer)["type"] == "done"
    assert attach(bench)[1] == {"type": "refused", "reason": "not leased"}


def test_a_reset_of_another_generation_changes_nothing(bench: Bench) -> None:
    peer = fork_worker(bench)
    group = employ(bench, peer)
    answer = reset(bench, peer, {"epoch": 4, "counter": 8})
    assert (answer["type"], answer["reason"]) == ("failed", "leased in generation 4.9, not in 4.8")
    assert bench.controller.ask(peer, "ping")["cache_bytes"] == 4096
    group.let_go(wait=True)


def test_what_is_left_behind_fails_every_reset(bench: Bench) -> None:
    peer = fork_worker(bench)
    employ(bench, peer, left="left behind: the model").let_go(wait=True)
    for _ in range(2):
        answer = reset(bench, peer)
        assert (answer["type"], answer["reason"]) == ("failed", "left behind: the model")


@pytest.mark.parametrize("stage", [{"hang": True}, {"stubborn": True}], ids=["loading", "computing"])
def test_work_that_cannot_be_interrupted_ends_with_its_process(bench: Bench, stage: dict) -> None:
    peer = fork_worker(bench)
    lease(bench, peer)
    connection, _ = attach(bench)
    send_object(connection, order_of(**stage), 5)
    if "stubborn" in stage:
        receive_object(connection, 5)
    assert bench.controller.ask(peer, "ping")["type"] == "pong"
    connection.close()
    assert bench.exited("p-2")["status"] == 5
    assert "did not end in 2 s" in bench.log_of("p-2")


def test_an_executor_that_dies_is_noticed_at_every_stage(bench: Bench, tmp_path: Path) -> None:
    """By the kernel's closing of its connection, which does not depend on how it ends."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    peer = fork_worker(bench)
    for stage in ("attached", "loading", "serving"):
        executor = subprocess.Popen(
            [sys.executable, FAKE_EXECUTOR, socket_of(bench, "p-2"), str(bench.pids[0]), stage, fifo],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        lease(bench, peer, executor_pid=executor.pid)
        executor.stdin.write(b"\n")
        executor.stdin.flush()
        assert executor.stdout.readline() == f"{stage}\n".encode()
        os.kill(executor.pid, signal.SIGKILL)
        executor.communicate()
        if stage == "loading":
            fifo.write_bytes(b"")  # Its load ends within the two seconds that it has.
        assert reset(bench, peer)["type"] == "done", stage
    assert alive(bench.pids[0])


def test_a_worker_stops_when_told_in_any_state(bench: Bench) -> None:
    idle, leased, serving = (fork_worker(bench, f"p-{number}") for number in (2, 3, 4))
    lease(bench, leased)
    employ(bench, serving)
    for number, peer in ((2, idle), (3, leased), (4, serving)):
        assert bench.controller.ask(peer, "stop")["type"] == "done"
        assert bench.exited(f"p-{number}")["status"] == 0


def test_a_worker_takes_no_engine(bench: Bench) -> None:
    peer, other = fork_worker(bench), bench.fork("p-3")
    answer = bench.assign(peer, other)
    assert (answer["type"], answer["reason"]) == ("error", "a worker does not take 'assign'")
    assert lease(bench, other)["reason"] == "a core does not take 'lease'"
