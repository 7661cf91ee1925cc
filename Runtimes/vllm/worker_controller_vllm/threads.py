"""How many threads compute."""

import os
import threading
from collections.abc import Iterable, Sequence

from worker_controller_vllm.compat.threads import set_thread_count, threads_for


def use_threads(cores: Sequence[int]) -> None:
    """One thread for each of the picked processors; one for each physical core where none was picked.

    For the computations that the calling thread starts, which goes to those processors.
    """
    allowed = os.sched_getaffinity(0)
    if cores:
        os.sched_setaffinity(0, cores)
    used = os.sched_getaffinity(0)
    set_thread_count(threads_for(used) if used == allowed else len(used))


def move_helpers(cores: Iterable[int]) -> None:
    """Sends the threads that libraries keep (OpenMP's team) to these processors: they were made for an earlier use."""
    own = {thread.native_id for thread in threading.enumerate()}
    for task in map(int, os.listdir("/proc/self/task")):
        if task not in own:
            try:
                os.sched_setaffinity(task, cores)
            except ProcessLookupError:
                pass  # It has ended meanwhile.


def share_of(processors: Iterable[int], rank: int, size: int) -> list[int]:
    """The processors of one of `size` ranks that compute side by side: threads of two ranks that wait for each other
    on the same processor cost seconds a token."""
    ordered = sorted(processors)
    return ordered[rank::size] or [ordered[rank % len(ordered)]]
