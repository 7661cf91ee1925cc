"""Work that nobody waits for."""

import logging
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from worker_controller_vllm import priority

THREAD = os.PRIO_PROCESS


@pytest.fixture
def group(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A file in the place of the session's group, so that the tests' own keeps its priority."""
    file = tmp_path / "autogroup"
    file.write_text("0")
    monkeypatch.setattr(priority, "_AUTOGROUP", file)
    monkeypatch.setattr(priority, "_GROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(priority, "_MOUNTS", tmp_path / "mounts")
    (tmp_path / "cgroup").write_text("0::/\n")
    return file


def niceness_of_a_new_thread() -> int:
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: os.getpriority(THREAD, threading.get_native_id())).result()


def in_a_thread_of_its_own(work: object) -> None:
    """A thread cannot raise its priority again, so the tests' own must not lower it."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(work).result()


def test_the_thread_and_those_that_it_starts_come_last(group: Path) -> None:
    before = os.getpriority(THREAD, threading.get_native_id())
    seen: dict[str, object] = {}

    def work() -> None:
        with priority.lowered():
            seen["own"] = os.getpriority(THREAD, threading.get_native_id())
            seen["started"] = niceness_of_a_new_thread()
            seen["policy"] = os.sched_getscheduler(0)
            seen["group"] = group.read_text()

    in_a_thread_of_its_own(work)
    assert seen == {"own": 19, "started": 19, "policy": os.SCHED_IDLE, "group": "19"}
    assert group.read_text() == "0"
    assert os.getpriority(THREAD, threading.get_native_id()) == before == niceness_of_a_new_thread()


def test_the_group_is_put_back_after_an_error(group: Path) -> None:
    def work() -> None:
        with pytest.raises(ValueError), priority.lowered():
            raise ValueError

    in_a_thread_of_its_own(work)
    assert group.read_text() == "0"


def test_a_group_that_cannot_be_set_costs_a_log_line(group: Path, caplog: pytest.LogCaptureFixture) -> None:
    group.unlink()
    group.mkdir()

    def work() -> None:
        with priority.lowered():
            pass

    with caplog.at_level(logging.WARNING):
        in_a_thread_of_its_own(work)
    assert f"{group}: Is a directory" in caplog.text


@pytest.mark.parametrize(
    ("groups", "files", "counts"),
    [
        ("0::/\n", [], True),
        ("0::/system.slice/models.service\n", [], False),
        ("0::/\n", ["cgroup.type"], False),
        ("4:memory:/service\n1:cpu:/\n0::/\n", ["cpu/release_agent"], True),
        ("1:cpu,cpuacct:/\n0::/\n", ["cpu,cpuacct/release_agent"], True),
        ("1:cpu,cpuacct:/service\n0::/\n", ["cpu,cpuacct/release_agent"], False),
        ("1:cpu:/\n0::/\n", [], False),
    ],
    ids=["root", "service", "container", "root, old", "root, two", "service, old", "container, old"],
)
def test_the_groups_of_sessions_count_only_outside_of_control_groups(
    group: Path, groups: str, files: list[str], counts: bool
) -> None:
    (group.parent / "cgroup").write_text(groups)
    for file in files:
        (group.parent / "mounts" / file).parent.mkdir(parents=True, exist_ok=True)
        (group.parent / "mounts" / file).touch()
    seen: list[object] = []

    def work() -> None:
        with priority.lowered():
            seen.extend([os.sched_getscheduler(0), group.read_text()])

    in_a_thread_of_its_own(work)
    assert seen == ([os.SCHED_IDLE, "19"] if counts else [os.SCHED_OTHER, "0"])


def test_a_kernel_without_groups_needs_none(group: Path, caplog: pytest.LogCaptureFixture) -> None:
    group.unlink()

    def work() -> None:
        with priority.lowered():
            assert os.sched_getscheduler(0) == os.SCHED_OTHER
            assert niceness_of_a_new_thread() == 19

    with caplog.at_level(logging.WARNING):
        in_a_thread_of_its_own(work)
    assert not group.exists() and caplog.text == ""
