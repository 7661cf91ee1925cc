"""The zygote and its children against a fake controller, with a runtime that imports nothing."""

import json
import os
import signal
import socket
import stat
import struct
import subprocess
import sys
import time

import pytest
from bench import Bench, alive

from worker_controller_vllm.control import Identity
from worker_controller_vllm.zygote_loop import Zygote


def test_the_zygote_says_who_it_is(bench: Bench) -> None:
    hello = bench.zygote.hello
    del hello["id"]
    assert hello == {
        "type": "hello",
        "protocol": 1,
        "epoch": 4,
        "process": "p-1",
        "role": "zygote",
        "pid": bench.process.pid,
        "runtime": "fake",
        "state": "idle",
        "versions": {"fake": "1"},
    }


def test_a_child_says_who_it_is(bench: Bench) -> None:
    hello = bench.fork("p-2", "front_end").hello
    assert (hello["process"], hello["role"], hello["pid"]) == ("p-2", "front_end", bench.pids[0])
    assert (hello["state"], hello["device"], hello["runtime"], hello["epoch"]) == ("idle", "cpu:0", "fake", 4)
    assert hello.keys().isdisjoint({"engine", "generation", "versions"})


def test_a_child_is_a_process_of_its_own(bench: Bench) -> None:
    processor = min(os.sched_getaffinity(0))
    peer, other = bench.fork("p-2", cores=[processor]), bench.fork("p-3")
    report = bench.run_directory / "report"
    assert bench.assign(peer, other, {"report": str(report)})["type"] == "accepted"
    bench.controller.wait("report", report.exists)
    facts = json.loads(report.read_text())
    temporary = bench.run_directory / "t" / "p-2"
    assert facts["session"] == bench.pids[0]
    assert facts["affinity"] == [processor]
    assert facts["temporary"] == facts["TMPDIR"] == str(temporary)
    assert facts["oom"] == 500
    assert stat.S_IMODE(temporary.stat().st_mode) == 0o700
    assert stat.S_IMODE((bench.run_directory / "p-2.log").stat().st_mode) == 0o600
    descriptors = facts["descriptors"]
    assert descriptors["0"] == "/dev/null"
    assert descriptors["1"] == descriptors["2"] == str(bench.run_directory / "p-2.log")
    zygotes_sockets = {os.readlink(f"/proc/{bench.process.pid}/fd/{n}") for n in listed_descriptors(bench.process.pid)}
    own = {target for number, target in descriptors.items() if int(number) > 2 and target.startswith("socket")}
    assert own and own.isdisjoint(zygotes_sockets)


def listed_descriptors(pid: int) -> list[str]:
    return os.listdir(f"/proc/{pid}/fd")


def test_stages_arrive_in_order_with_their_generation(bench: Bench) -> None:
    peer, other = bench.fork("p-2"), bench.fork("p-3")
    bench.assign(peer, other)
    bench.controller.wait("five stages", lambda: len(peer.events("stage")) == 5)
    assert [event["stage"] for event in peer.events("stage")] == ["config", "attach", "load", "kv_cache", "warm_up"]
    for event in peer.events("stage"):
        assert (event["engine"], event["generation"]) == ("e-3", {"epoch": 4, "counter": 9})
        assert event["ms"] >= 0 and "error" not in event


def test_a_failed_start_is_told_and_ends_the_process(bench: Bench) -> None:
    peer, other = bench.fork("p-2"), bench.fork("p-3")
    bench.assign(peer, other, {"fail": "no such weights " + "x" * 600 + "\nmore"})
    assert bench.exited("p-2")["status"] == 1
    (stage,) = peer.events("stage")
    assert stage["stage"] == "config"
    assert stage["error"].startswith("ValueError: no such weights xxx")
    assert len(stage["error"]) == 500
    assert "Traceback" in (bench.run_directory / "p-2.log").read_text()


def test_a_process_answers_while_it_computes(bench: Bench) -> None:
    peer, other = bench.fork("p-2"), bench.fork("p-3")
    idle = bench.controller.ask(peer, "ping")
    assert idle["progress"] == 0 and 0 < idle["private_bytes"] < 40 << 20
    bench.assign(peer, other, {"busy": True})
    assert idle["cache_bytes"] == 0
    deadline = time.monotonic() + 20
    while True:
        pong = bench.controller.ask(peer, "ping", seconds=10)
        if pong["progress"] and pong["cache_bytes"] or time.monotonic() > deadline:
            break  # It has begun, or never will.
    assert (pong["type"], pong["progress"], pong["cache_bytes"]) == ("pong", 17, 4096)


def test_only_an_idle_process_takes_an_assignment_that_makes_sense(bench: Bench) -> None:
    peer, other = bench.fork("p-2"), bench.fork("p-3")
    gone = bench.fork("p-4")
    os.kill(bench.pids[2], signal.SIGKILL)
    bench.exited("p-4")
    assert "peer" in bench.assign(peer, gone)["reason"]
    assert "world size 2" in bench.assign(peer, other, world_size=2)["reason"]
    assert "world size 0" in bench.assign(peer, other, world_size=0, executor="remote")["reason"]
    assert "unknown executor 'ray'" in bench.assign(peer, other, executor="ray")["reason"]
    assert "absolute" in bench.assign(peer, other, socket="f.sock")["reason"]
    assert "names" in bench.assign(peer, other, names=[])["reason"]
    assert "'path'" in bench.assign(peer, other, path=None)["reason"]
    assert bench.assign(peer, other, peer_pid=os.getpid())["reason"] == f"peer {os.getpid()} is another process"
    assert "peer" in bench.assign(peer, other, peer_pid=1 << 70)["reason"]
    assert bench.assign(peer, other)["type"] == "accepted"
    refused = bench.assign(peer, other)
    assert (refused["type"], refused["reason"]) == ("failed", "not idle: e-3 is here")


def test_the_end_of_one_process_ends_the_other(bench: Bench) -> None:
    peer, other = bench.fork("p-2"), bench.fork("p-3")
    bench.assign(peer, other)
    bench.controller.wait("stages", lambda: len(peer.events("stage")) == 5)
    os.kill(bench.pids[1], signal.SIGKILL)
    begin = time.monotonic()
    bench.wait_for_end(bench.pids[0])
    assert time.monotonic() - begin < 2
    assert bench.exited("p-3") == {"type": "exited", "process": "p-3", "pid": bench.pids[1], "signal": 9}
    assert bench.exited("p-2") == {"type": "exited", "process": "p-2", "pid": bench.pids[0], "status": 5}
    assert f"(pid {bench.pids[1]}) ended" in (bench.run_directory / "p-2.log").read_text()


def test_an_exit_status_is_reported(bench: Bench) -> None:
    peer, other = bench.fork("p-2"), bench.fork("p-3")
    bench.assign(peer, other, {"exit": 7})
    assert bench.exited("p-2")["status"] == 7


def test_a_child_stops_when_told(bench: Bench) -> None:
    peer = bench.fork("p-2")
    assert bench.controller.ask(peer, "stop")["type"] == "done"
    assert bench.exited("p-2")["status"] == 0


def test_a_zygote_that_stops_ends_its_children_first(bench: Bench) -> None:
    bench.fork("p-2")
    zygote = bench.zygote
    assert bench.controller.ask(zygote, "stop")["type"] == "done"
    assert not alive(bench.pids[0])
    assert zygote.events("exited")[0]["signal"] == 9
    bench.controller.wait("end of the zygote", lambda: bench.process.poll() is not None)
    assert bench.process.returncode == 0


def test_a_fork_that_cannot_be_made_fails(bench: Bench) -> None:
    assert "unknown role 'cook'" in bench.ask_fork("p-2", role="cook")["reason"]
    missing = bench.ask_fork("p-2", log=str(bench.run_directory / "missing" / "p-2.log"))
    assert missing["type"] == "failed" and "No such file" in missing["reason"]
    for bad in ("/x/\0.log", "/x/\udcff/\ud800.log"):
        assert bench.ask_fork("p-2", log=bad)["type"] == "failed"
    without = bench.ask_fork("p-2", device=None)
    assert without["type"] == "failed" and "'device'" in without["reason"]


def test_an_unknown_type_is_answered_and_changes_nothing(bench: Bench) -> None:
    zygote = bench.zygote
    answer = bench.controller.ask(zygote, "frobnicate")
    assert answer == {"type": "error", "re": answer["re"], "reason": "unknown type 'frobnicate'"}
    assert bench.controller.ask(zygote, "assign_me")["type"] == "error"
    assert bench.controller.ask(zygote, "ping")["type"] == "pong"


def test_a_bad_frame_ends_the_connection_and_the_process_dials_again(bench: Bench) -> None:
    first = bench.zygote
    first.connection.sendall(struct.pack(">I", (1 << 20) + 1))
    bench.controller.wait("connection closed", lambda: first.closed)
    second = bench.zygote
    assert second is not first and second.hello["id"] > first.hello["id"]
    assert "bad frame: too long" in bench.log.read_text()


def test_processes_dial_again_and_tell_what_happened_meanwhile(bench: Bench) -> None:
    peer, other = bench.fork("p-2"), bench.fork("p-3")
    bench.fork("p-4")
    bench.assign(peer, other)
    bench.controller.wait("stages", lambda: len(peer.events("stage")) == 5)
    bench.controller.hang_up()
    os.kill(bench.pids[2], signal.SIGKILL)
    bench.wait_for_end(bench.pids[2])
    bench.controller.listen()
    assert bench.controller.wait_for_hello("p-3").hello["state"] == "idle"
    hello = bench.controller.wait_for_hello("p-2").hello
    assert (hello["state"], hello["engine"], hello["generation"]) == ("assigned", "e-3", {"epoch": 4, "counter": 9})
    assert bench.exited("p-4")["signal"] == 9


def test_a_controller_that_does_not_answer_is_none(bench: Bench) -> None:
    """It takes the connection and reads nothing: the process hangs up by itself."""
    bench.fork("p-2")
    bench.controller.hang_up()
    silent = socket.socket(socket.AF_UNIX)
    silent.bind(str(bench.controller.path))
    silent.listen(8)
    silent.settimeout(20)
    connection, _ = silent.accept()
    connection.settimeout(30)
    begin = time.monotonic()
    while connection.recv(4096):
        pass
    assert time.monotonic() - begin > 1
    silent.close()
    os.unlink(bench.controller.path)
    bench.controller.listen()
    assert bench.controller.wait_for_hello("p-2").hello["state"] == "idle"


@pytest.mark.parametrize("bench", [700], indirect=True)
def test_orphans_end_themselves(bench: Bench) -> None:
    bench.fork("p-2")
    begin = time.monotonic()
    bench.controller.hang_up()
    bench.wait_for_end(bench.pids[0])
    bench.controller.wait("end of the zygote", lambda: bench.process.poll() is not None)
    assert time.monotonic() - begin >= 0.6
    assert bench.process.returncode == 3
    assert "no controller for 0.7 s" in bench.log.read_text()


def test_a_refused_process_ends_at_once(bench: Bench) -> None:
    bench.controller.refusal = "another epoch"
    bench.controller.wait("end of the zygote", lambda: bench.process.poll() is not None)
    assert bench.process.returncode == 4
    assert "refused by the controller: another epoch" in bench.log.read_text()
    assert len(bench.controller.peers) == 1


@pytest.mark.parametrize("role", ["spill", "raise"])
def test_a_full_disk_neither_ends_siblings_nor_lets_a_child_become_a_second_zygote(bench: Bench, role: str) -> None:
    """Its output cannot be written: the child still ends with its own status, and nothing else happens."""
    sibling = bench.fork("p-2")
    answer = bench.ask_fork("p-3", role, log="/dev/full")
    assert answer["type"] == "forked"
    assert bench.exited("p-3")["status"] == {"spill": 0, "raise": 1}[role]
    assert bench.controller.ask(sibling, "ping")["type"] == "pong"
    assert bench.controller.ask(bench.zygote, "ping")["type"] == "pong"


def test_engines_do_not_depend_on_the_zygotes_life(bench: Bench) -> None:
    peer = bench.fork("p-2")
    bench.process.kill()
    bench.process.wait(20)
    assert bench.controller.ask(peer, "ping")["type"] == "pong"


def test_a_template_says_who_it_is(bench: Bench) -> None:
    hello = bench.fork("p-2", "template").hello
    assert (hello["role"], hello["state"], hello["device"], hello["pid"]) == (
        "template",
        "idle",
        "cpu:0",
        bench.pids[0],
    )
    assert hello.keys().isdisjoint({"engine", "generation", "versions"})


@pytest.mark.parametrize("is_the_parent", [True, False])
def test_only_the_zygote_itself_ends_its_children(monkeypatch: pytest.MonkeyPatch, is_the_parent: bool) -> None:
    """Not a child of it that got to the end of the zygote's loop by mistake."""
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(signal, "set_wakeup_fd", lambda *_, **__: None)
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    zygote = Zygote(Identity("/x", "p-1", "fake", 4, 1), {}, {})
    zygote._children = {child.pid: "p-2"}
    zygote._pid = os.getpid() if is_the_parent else os.getpid() + 1
    zygote._control.finish(7)
    try:
        assert zygote.run() == 7
        assert alive(child.pid) is not is_the_parent
    finally:
        child.communicate(b"\n")
