"""A child whose parent is killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from worker_controller_vllm.parent_watch import watch_parent

PROGRAM = Path(__file__).parent / "watched_child.py"


class Family:
    """A parent, and the child that watches it."""

    def __init__(self, method: str, kind: str) -> None:
        self.parent = subprocess.Popen(
            [sys.executable, PROGRAM, method, kind],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def line(self) -> list[str]:
        """The next thing that is said."""
        assert self.parent.stdout is not None
        return self.parent.stdout.readline().split()

    def kill_parent(self) -> tuple[list[str], str]:
        """What is said from then on, until nobody is left who could; and what went wrong."""
        self.parent.kill()
        self.parent.wait(20)
        output, errors = self.parent.communicate(timeout=20)
        return output.splitlines(), errors


@pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
def test_the_child_of_a_killed_parent_ends_in_order(method: str) -> None:
    family = Family(method, "orderly")
    assert family.line()[0] == "ready"
    said, errors = family.kill_parent()
    assert said == [f"parent {family.parent.pid} ended", "ends on SIGTERM"]
    assert errors == ""


def test_one_that_does_not_end_in_order_is_ended_and_says_where_it_was() -> None:
    family = Family("spawn", "stuck")
    assert family.line()[0] == "ready"
    said, errors = family.kill_parent()
    assert said == [f"parent {family.parent.pid} ended"]
    assert errors.startswith("Timeout (0:00:00.300000)!") and 'watched_child.py", line' in errors


def test_a_parent_that_ended_before_it_was_watched() -> None:
    family = Family("spawn", "late")
    assert family.line()[0] == "ready"
    said, _ = family.kill_parent()
    assert said == [f"parent {family.parent.pid} ended", "ends on SIGTERM"]


def test_a_sibling_that_lives_on_hides_nothing() -> None:
    """It holds the pipe open whose end tells of the parent's."""
    family = Family("fork", "sibling")
    told = dict(family.line() for _ in range(2))
    try:
        said, _ = family.kill_parent()
        assert said == [f"parent {family.parent.pid} ended", "ends on SIGTERM"]
    finally:
        os.kill(int(told["sibling"]), signal.SIGKILL)


def test_a_watch_that_was_closed_ends_nothing() -> None:
    family = Family("spawn", "closed")
    assert family.line()[0] == "ready"
    assert family.kill_parent() == (["threads MainThread"], "")


def test_a_process_that_nobody_started_so_is_not_watched() -> None:
    assert watch_parent(lambda pid: None) is None
