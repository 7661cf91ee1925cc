"""Work that nobody waits for, kept out of the way of work that somebody does."""

import ctypes
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from worker_controller_vllm.process_log import logger

LOWERED = 19
"""One part in seventy of what others get: with a tenth, starts were seen to take half as long again meanwhile."""

_AUTOGROUP = Path("/proc/self/autogroup")
"""The kernel shares processors between sessions first where it groups by session (sched_autogroup); ours is one.
Only outside of control groups for processors: in a container, or a service, the file is there and means nothing."""

_GROUPS = Path("/proc/self/cgroup")
_MOUNTS = Path("/sys/fs/cgroup")

_PR_SET_TIMERSLACK = 29
_GROUP_ATTEMPTS = 10
_GROUP_PAUSE_SECONDS = 0.05


@contextmanager
def lowered() -> Iterator[None]:
    """Lets the calling thread, and the threads that it starts, run after all else.

    A thread cannot raise its own priority again without privileges, so the calling thread must end with this. The
    group of the session is put back, which needs none.
    """
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOWERED)
    if _set_group(LOWERED):
        # A processor that runs only such threads counts as idle for one that wakes. The share is the group's: their own
        # would be 3 parts in 1024, too little to get done on a machine that is always busy.
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    try:
        yield
    finally:
        _set_group(0)


def _set_group(nice: int) -> bool:
    """Whether the kernel has such groups, and this one is set."""
    if not _AUTOGROUP.exists() or not _is_in_root_group():
        return False
    for _ in range(_GROUP_ATTEMPTS):
        try:
            _AUTOGROUP.write_text(str(nice))
            return True
        except BlockingIOError:
            time.sleep(_GROUP_PAUSE_SECONDS)  # The kernel takes one such order each 100 ms.
        except OSError as error:
            logger.warning("%s: %s", _AUTOGROUP, error.strerror)
            return False
    logger.warning("%s: not taken in %d attempts", _AUTOGROUP, _GROUP_ATTEMPTS)
    return False


def _is_in_root_group() -> bool:
    """Whether no control group shares out processors to this process.

    A container may show its own group as "/": which of two files is in the folder tells the root from others.
    """
    groups = [line.split(":", 2) for line in _GROUPS.read_text().splitlines()]
    for _, controllers, path in groups:
        if "cpu" in controllers.split(","):
            return path == "/" and (_MOUNTS / controllers / "release_agent").exists()
    return [path for *_, path in groups] == ["/"] and not (_MOUNTS / "cgroup.type").exists()


def set_timer_slack(nanoseconds: int) -> None:
    """How much later than asked for the kernel may end a sleep of the calling thread; 50,000 unless it is set."""
    ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, ctypes.c_ulong(nanoseconds), 0, 0, 0)
