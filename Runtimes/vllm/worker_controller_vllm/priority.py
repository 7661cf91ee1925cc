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
"""The kernel shares processors between sessions first where it groups by session (sched_autogroup); ours is one."""

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
    if not _AUTOGROUP.exists():
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


def set_timer_slack(nanoseconds: int) -> None:
    """How much later than asked for the kernel may end a sleep of the calling thread; 50,000 unless it is set."""
    ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, ctypes.c_ulong(nanoseconds), 0, 0, 0)
