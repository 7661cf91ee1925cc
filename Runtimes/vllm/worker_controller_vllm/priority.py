"""Work that nobody waits for, kept out of the way of work that somebody does."""

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

_GROUP_ATTEMPTS = 10
_GROUP_PAUSE_SECONDS = 0.05


@contextmanager
def lowered() -> Iterator[None]:
    """Lets the calling thread, and the threads that it starts, run after all else.

    A thread cannot raise its own priority again without privileges, so the calling thread must end with this. The
    group of the session is put back, which needs none.
    """
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOWERED)
    _set_group(LOWERED)
    try:
        yield
    finally:
        _set_group(0)


def _set_group(nice: int) -> None:
    if not _AUTOGROUP.exists():
        return
    for _ in range(_GROUP_ATTEMPTS):
        try:
            _AUTOGROUP.write_text(str(nice))
            return
        except BlockingIOError:
            time.sleep(_GROUP_PAUSE_SECONDS)  # The kernel takes one such order each 100 ms.
        except OSError as error:
            return logger.warning("%s: %s", _AUTOGROUP, error.strerror)
    logger.warning("%s: not taken in %d attempts", _AUTOGROUP, _GROUP_ATTEMPTS)
