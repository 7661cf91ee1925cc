"""How many threads compute."""

import os
from collections.abc import Sequence

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
