"""The order and times of a start's stages."""

import pytest

from worker_controller_vllm.stages import Stages


def test_stages_end_in_order() -> None:
    stages = Stages()
    assert stages.current is None
    stages.begin(["config", "app", "listen"])
    for name in ("config", "app", "listen"):
        assert stages.current == name
        ((ended, milliseconds),) = stages.end(name)
        assert ended == name and milliseconds >= 0
    assert stages.current is None


def test_a_stage_that_was_not_seen_is_reported_with_the_next() -> None:
    stages = Stages()
    stages.begin(["attach", "load", "kv_cache"])
    (attach, load) = stages.end("load")
    assert attach == ("attach", 0.0) and load[0] == "load"
    assert stages.current == "kv_cache"


def test_a_stage_ends_only_once() -> None:
    stages = Stages()
    stages.begin(["load", "kv_cache"])
    stages.end("load")
    with pytest.raises(ValueError, match="stage load ended while the start was in kv_cache"):
        stages.end("load")


def test_after_a_failure_no_stage_is_left() -> None:
    stages = Stages()
    stages.begin(["load", "kv_cache"])
    assert stages.interrupt() >= 0
    assert stages.current is None
