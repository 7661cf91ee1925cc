"""How many threads compute."""

import os
from collections.abc import Mapping, Sequence

from worker_controller_vllm.compat.threads import set_thread_count, threads_for

_LIMIT = "OMP_NUM_THREADS"


def use_threads(cores: Sequence[int], environment: Mapping[str, str] | None = None) -> None:
    """One thread for each of the picked processors; one for each physical core where none was picked.

    For the computations that the calling thread starts, which goes to those processors. No more than the
    `OMP_NUM_THREADS` of `environment` or else of this process, which counts in stock vLLM too.
    """
    allowed = os.sched_getaffinity(0)
    if cores:
        os.sched_setaffinity(0, cores)
    used = os.sched_getaffinity(0)
    count = threads_for(used) if used == allowed else len(used)
    set_thread_count(min(count, _limit({**os.environ, **(environment or {})}) or count))


def _limit(environment: Mapping[str, str]) -> int | None:
    # A list is for nested teams, of which there are none.
    first = environment.get(_LIMIT, "").split(",")[0].strip()
    return int(first) if first.isdecimal() else None
