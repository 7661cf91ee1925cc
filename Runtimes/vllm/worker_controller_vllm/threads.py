"""How many threads compute."""

import os
import threading
from collections.abc import Iterable, Mapping, Sequence

from worker_controller_vllm.compat.threads import set_thread_count, threads_for

_LIMIT = "OMP_NUM_THREADS"


def use_threads(cores: Sequence[int], environment: Mapping[str, str] | None = None) -> int:
    """One thread for each physical core that this process may use; for each of `cores` where these are fewer.

    The controller gives a process its device's processors at birth, so that an engine's are fewer only where ranks
    split them. For the computations that the calling thread starts, which goes to those processors. No more than the
    `OMP_NUM_THREADS` of `environment` or else of this process, which counts in stock vLLM too. Returns how many.
    """
    allowed = os.sched_getaffinity(0)
    if cores:
        os.sched_setaffinity(0, cores)
    used = os.sched_getaffinity(0)
    count = threads_for(used) if used == allowed else len(used)
    threads = min(count, _limit({**os.environ, **(environment or {})}) or count)
    set_thread_count(threads)
    return threads


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


def _limit(environment: Mapping[str, str]) -> int | None:
    # A list is for nested teams, of which there are none.
    first = environment.get(_LIMIT, "").split(",")[0].strip()
    return int(first) if first.isdecimal() else None
