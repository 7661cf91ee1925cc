"""vLLM's sleep and the end of it, and parking, as a front end answers for them."""

import pytest
from bench import Bench
from fake_controller import Peer

ENGINE = {"engine": "e-3", "generation": {"epoch": 4, "counter": 9}}


def ready(bench: Bench, script: dict) -> Peer:
    front_end, core = bench.fork("p-2", "front_end"), bench.fork("p-3")
    assert bench.assign(front_end, core, script)["type"] == "accepted"
    bench.controller.wait("ready", lambda: len(front_end.events("stage")) == 3)
    return front_end


def test_an_engine_sleeps_and_wakes(bench: Bench) -> None:
    front_end = ready(bench, {"suspension": ""})
    for order in ({"kind": "sleep", "level": 1}, {"kind": "wake"}, {"kind": "sleep", "level": 2}):
        assert bench.controller.ask(front_end, **order, **ENGINE)["type"] == "done"
    assert bench.controller.ask(front_end, "ping")["type"] == "pong"


def test_a_sleep_that_fails_is_answered_with_its_reason(bench: Bench) -> None:
    front_end = ready(bench, {"suspension": "no memory for it"})
    answer = bench.controller.ask(front_end, "sleep", level=1, **ENGINE)
    assert (answer["type"], answer["reason"]) == ("failed", "RuntimeError: sleep: no memory for it")
    answer = bench.controller.ask(front_end, "wake", **ENGINE)
    assert (answer["type"], answer["reason"]) == ("failed", "RuntimeError: wake: no memory for it")
    assert bench.controller.ask(front_end, "ping")["type"] == "pong"


def test_an_engine_is_parked_and_gets_workers_again(bench: Bench) -> None:
    front_end = ready(bench, {"suspension": ""})
    for kind in ("park", "unpark", "park"):
        assert bench.controller.ask(front_end, kind, **ENGINE)["type"] == "done"


def test_a_core_reports_the_stages_of_its_workers_return(bench: Bench) -> None:
    """Of each one anew, also of one that follows a failed one; what failed is told by the answer to `unpark`."""
    front_end, core = bench.fork("p-2", "front_end"), bench.fork("p-3")
    returns = [["attach", "load", "kv_cache", "warm_up"], ["attach"], ["attach", "load", "kv_cache", "warm_up"]]
    assert bench.assign(core, front_end, {"returns": returns})["type"] == "accepted"
    bench.controller.wait("stages", lambda: len(core.events("stage")) == 14)
    stages = core.events("stage")
    assert [event["stage"] for event in stages] == ["config", *returns[0], *returns[0], *returns[1], *returns[2]]
    assert all(event.get("error") is None and event["generation"] == ENGINE["generation"] for event in stages)


@pytest.mark.parametrize(("kind", "fields"), [("sleep", {"level": 1}), ("wake", {}), ("park", {}), ("unpark", {})])
def test_who_is_not_the_engine_or_not_ready_does_not_sleep(bench: Bench, kind: str, fields: dict) -> None:
    front_end, core = bench.fork("p-2", "front_end"), bench.fork("p-3")
    idle = bench.controller.ask(front_end, kind, **fields, **ENGINE)
    assert (idle["type"], idle["reason"]) == ("failed", "e-3 is not here")
    bench.assign(front_end, core)
    starting = bench.controller.ask(front_end, kind, **fields, **ENGINE)
    assert (starting["type"], starting["reason"]) == ("failed", "e-3 is not ready")
    earlier = {**ENGINE, "generation": {"epoch": 4, "counter": 8}}
    assert bench.controller.ask(front_end, kind, **fields, **earlier)["reason"] == "e-3 is not here"


def test_an_order_that_makes_no_sense_fails(bench: Bench) -> None:
    front_end = ready(bench, {"suspension": ""})
    answer = bench.controller.ask(front_end, "sleep", level="deep", **ENGINE)
    assert (answer["type"], answer["reason"]) == ("failed", "'level' of sleep is not int")
    assert bench.controller.ask(front_end, "wake", engine="e-3")["type"] == "failed"
