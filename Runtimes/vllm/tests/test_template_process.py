"""Templates and what is forked from them, against a fake controller, with a model that is only pretended."""

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import openmp
import pytest
from bench import Bench, alive
from fake_controller import Peer


class Pause:
    """Something that a preparation waits for until it is told to go on."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "pause"
        os.mkfifo(self.path)

    def until_reached(self, bench: Bench) -> None:
        """Returns when the preparation waits."""
        bench.controller.wait("preparation at its pause", self._open)

    def end(self) -> None:
        os.close(self._writer)

    def _open(self) -> bool:
        try:
            self._writer = os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # Nobody reads yet.
            return False
        return True


@pytest.fixture
def pause(run_directory: Path) -> Pause:
    return Pause(run_directory)


@pytest.fixture
def template(bench: Bench) -> Peer:
    return bench.fork("p-2", "template")


def facts_of(bench: Bench, template: Peer, process: str = "p-8", **script: Any) -> dict[str, Any]:
    """What a child of the template sees of itself."""
    report = bench.run_directory / f"{process}.report"
    child, other = bench.fork(process, source=template), bench.fork(f"{process}9", "front_end", template)
    assert bench.assign(child, other, {"report": str(report), **script})["type"] == "accepted"
    bench.controller.wait("report", report.exists)
    return json.loads(report.read_text())


def stages(prepared: dict[str, Any]) -> list[str]:
    assert all(stage["ms"] >= 0 for stage in prepared["stages"])
    return [stage["stage"] for stage in prepared["stages"]]


def test_a_model_is_prepared_without_its_weights(bench: Bench, template: Peer) -> None:
    prepared = bench.prepare(template)
    assert (prepared["model"], prepared["weights"], "error" in prepared) == ("m", False, False)
    assert stages(prepared) == ["config", "app"]
    assert 0 < prepared["private_bytes"] < 40 << 20
    facts = facts_of(bench, template)
    assert facts["made"] == ["make"]


def test_a_model_is_prepared_with_its_weights(bench: Bench, template: Peer) -> None:
    prepared = bench.prepare(template, weights=True)
    assert prepared["weights"] and stages(prepared) == ["config", "app", "load"]
    assert facts_of(bench, template)["made"] == ["make", "load"]


def test_weights_may_come_later(bench: Bench, template: Peer) -> None:
    bench.prepare(template)
    before = bench.fork("p-3", source=template)
    prepared = bench.prepare(template, weights=True)
    assert prepared["weights"] and stages(prepared) == ["load"]
    assert facts_of(bench, template)["made"] == ["make", "load"]
    assert bench.controller.ask(before, "ping")["type"] == "pong"


def test_a_template_forks_front_ends_and_cores_only_when_it_is_prepared(
    bench: Bench, template: Peer, pause: Pause
) -> None:
    idle = bench.ask_fork("p-3", source=template)
    assert (idle["type"], idle["reason"]) == ("failed", "the template is idle, not prepared")
    bench.order(template, {"make": {"wait": str(pause.path)}})
    pause.until_reached(bench)
    preparing = bench.ask_fork("p-3", source=template)
    assert (preparing["type"], preparing["reason"]) == ("failed", "the template is preparing, not prepared")
    pause.end()
    bench.controller.wait("prepared", lambda: template.events("prepared"))
    for process, role in (("p-3", "front_end"), ("p-4", "core")):
        hello = bench.fork(process, role, template).hello
        assert (hello["process"], hello["role"], hello["state"]) == (process, role, "idle")
    for role in ("template", "cook"):
        assert f"unknown role '{role}'" in bench.ask_fork("p-5", role, template)["reason"]


def test_a_template_does_not_fork_while_it_loads(bench: Bench, template: Peer, pause: Pause) -> None:
    script = {"load": {"wait": str(pause.path)}}
    bench.prepare(template, script)
    bench.order(template, script, weights=True)
    pause.until_reached(bench)
    assert bench.ask_fork("p-3", source=template)["reason"] == "the template is preparing, not prepared"
    pause.end()
    bench.controller.wait("prepared", lambda: len(template.events("prepared")) == 2)
    assert bench.ask_fork("p-3", source=template)["type"] == "forked"


def test_an_order_that_makes_no_sense_is_refused(bench: Bench, template: Peer, pause: Pause) -> None:
    assert bench.order(template, names=[])["reason"] == "no names to serve the model under"
    malformed = bench.order(template, path=None)
    assert (malformed["type"], malformed["reason"]) == ("failed", "prepare without 'path'")
    bench.order(template, {"make": {"wait": str(pause.path)}})
    pause.until_reached(bench)
    assert bench.order(template)["reason"] == "'m' is being prepared"
    pause.end()
    bench.controller.wait("prepared", lambda: template.events("prepared"))
    assert bench.order(template, model="n")["reason"] == "this is the template of 'm'"
    assert bench.order(template)["reason"] == "'m' is prepared already"
    bench.prepare(template, weights=True)
    assert bench.order(template, weights=True)["reason"] == "'m' is prepared already"
    assert len(template.events("prepared")) == 2


def test_only_templates_take_an_order(bench: Bench) -> None:
    for peer, role in ((bench.zygote, "zygote"), (bench.fork("p-2"), "core")):
        answer = bench.order(peer)
        assert (answer["type"], answer["reason"]) == ("error", f"a {role} does not take 'prepare'")


@pytest.mark.parametrize(
    ("action", "value", "error"),
    [
        ("raise", "no such file\nmore", "OSError: no such file"),
        ("exit", 0, "SystemExit: 0"),
        ("exit", "bad model", "SystemExit: bad model"),
    ],
)
@pytest.mark.parametrize("part", ["make", "load"])
def test_a_preparation_that_fails_is_told_and_ends_the_template(
    bench: Bench, template: Peer, part: str, action: str, value: Any, error: str
) -> None:
    prepared = bench.prepare(template, {part: {action: value}}, weights=True)
    assert (prepared["error"], prepared["weights"]) == (error, False)
    assert stages(prepared) == ([] if part == "make" else ["config", "app"])
    assert bench.exited("p-2")["status"] == 1
    assert "Traceback" in bench.log_of("p-2") and "'m' could not be prepared" in bench.log_of("p-2")


def test_a_preparation_that_dies_harms_nobody_else(bench: Bench, template: Peer) -> None:
    sibling = bench.fork("p-3", "template")
    # Its answer may be lost with it.
    template.request("prepare", **bench.preparation({"make": {"die": True}}))
    assert bench.exited("p-2") == {"type": "exited", "process": "p-2", "pid": bench.pids[0], "signal": 9}
    assert template.events("prepared") == []
    assert bench.prepare(sibling)["stages"]


def test_a_template_answers_while_its_preparation_hangs_and_stops_when_told(
    bench: Bench, template: Peer, pause: Pause
) -> None:
    bench.order(template, {"make": {"wait": str(pause.path)}})
    pause.until_reached(bench)
    assert bench.controller.ask(template, "ping", seconds=10)["type"] == "pong"
    assert bench.controller.ask(template, "stop", seconds=10)["type"] == "done"
    assert bench.exited("p-2")["status"] == 0
    assert template.events("prepared") == []


@pytest.mark.skipif(not openmp.IS_THERE, reason="needs the OpenMP library of GCC")
def test_what_computed_on_many_threads_can_be_forked_and_computes_again(bench: Bench, template: Peer) -> None:
    script = {"make": {"compute": 4}, "load": {"compute": 4}}
    bench.prepare(template, script, weights=True)
    bench.controller.wait("one thread", lambda: threads_of(bench.pids[0]) == 1)
    facts = facts_of(bench, template, compute=4)
    # Its own, and the one that answers the controller.
    assert facts["threads at birth"] == 2
    assert facts["threads"] == 2 + 3
    bench.controller.wait("stages", lambda: bench.controller.wait_for_hello("p-8").events("stage"))


def threads_of(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/task"))


def test_a_child_is_not_held_back_as_its_template_is(bench: Bench, template: Peer, pause: Pause) -> None:
    bench.order(template, {"make": {"wait": str(pause.path)}})
    pause.until_reached(bench)
    others = [int(task) for task in os.listdir(f"/proc/{bench.pids[0]}/task") if int(task) != bench.pids[0]]
    assert [os.getpriority(os.PRIO_PROCESS, task) for task in others] == [19]
    assert os.getpriority(os.PRIO_PROCESS, bench.pids[0]) == 0
    pause.end()
    bench.controller.wait("prepared", lambda: template.events("prepared"))
    facts = facts_of(bench, template)
    assert facts["niceness"] == 0 and facts["session"] == bench.pids[1]


def test_the_end_of_a_child_is_told_by_its_template(bench: Bench, template: Peer) -> None:
    bench.prepare(template)
    bench.fork("p-3", source=template)
    bench.fork("p-4", source=template)
    os.kill(bench.pids[1], signal.SIGKILL)
    told = {"type": "exited", "process": "p-3", "pid": bench.pids[1], "signal": 9}
    assert bench.exited("p-3") == told and template.events("exited") == [told]
    assert bench.zygote.events("exited") == []


@pytest.mark.parametrize("way", ["stop", "kill", "fail"])
def test_the_end_of_a_template_does_not_end_what_it_forked(bench: Bench, template: Peer, way: str) -> None:
    script = {"load": {"raise": "too big"}}
    bench.prepare(template, script)
    core, front_end = bench.fork("p-3", "core", template), bench.fork("p-4", "front_end", template)
    bench.assign(core, front_end)
    bench.assign(front_end, core)
    if way == "stop":
        assert bench.controller.ask(template, "stop")["type"] == "done"
    elif way == "kill":
        os.kill(bench.pids[0], signal.SIGKILL)
    else:
        bench.order(template, script, weights=True)
    bench.exited("p-2")
    for peer in (core, front_end):
        assert bench.controller.ask(peer, "ping")["type"] == "pong"
    # They still watch each other.
    os.kill(bench.pids[1], signal.SIGKILL)
    begin = time.monotonic()
    bench.wait_for_end(bench.pids[2])
    assert time.monotonic() - begin < 2


def test_a_template_does_not_depend_on_the_zygotes_life(bench: Bench, template: Peer) -> None:
    bench.prepare(template)
    bench.process.kill()
    bench.process.wait(20)
    assert bench.prepare(template, weights=True)["weights"]
    assert bench.fork("p-3", source=template).hello["role"] == "core"


def test_a_zygote_that_stops_ends_its_templates(bench: Bench, template: Peer) -> None:
    bench.prepare(template)
    assert bench.controller.ask(bench.zygote, "stop")["type"] == "done"
    assert not alive(bench.pids[0])


def test_a_new_controller_learns_what_a_template_has_come_to(bench: Bench, template: Peer, pause: Pause) -> None:
    assert template.hello["state"] == "idle"
    bench.order(template, {"make": {"wait": str(pause.path)}})
    pause.until_reached(bench)
    redial(bench)
    template = bench.controller.wait_for_hello("p-2")
    assert (template.hello["state"], template.hello["device"]) == ("preparing", "cpu:0")
    bench.controller.hang_up()
    pause.end()
    bench.controller.listen()
    template = bench.controller.wait_for_hello("p-2")
    bench.controller.wait("prepared, kept for who comes", lambda: template.events("prepared"))
    redial(bench)
    assert bench.controller.wait_for_hello("p-2").hello["state"] == "prepared"


def redial(bench: Bench) -> None:
    bench.controller.hang_up()
    bench.controller.listen()


def test_two_templates_do_not_know_of_each_other(bench: Bench, template: Peer) -> None:
    other = bench.fork("p-3", "template")
    bench.prepare(template, model="m", weights=True)
    bench.prepare(other, model="n")
    assert facts_of(bench, template, "p-8")["made"] == ["make", "load"]
    assert facts_of(bench, other, "p-7")["made"] == ["make"]
