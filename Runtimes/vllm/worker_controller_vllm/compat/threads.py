"""How many threads vLLM computes with on CPU."""

import platform
from collections.abc import Collection
from pathlib import Path

import torch

from worker_controller_vllm.compat import fallback

set_thread_count = torch.set_num_threads
"""torch's own: vLLM's CPU worker replaces it by one that only warns, and a template has had such a worker."""


def restore_thread_count() -> None:
    """Gives torch its own function back, in a process that computes nothing with that worker."""
    torch.set_num_threads = set_thread_count


def threads_for(processors: Collection[int], topology: Path = Path("/sys/devices/system/cpu")) -> int:
    """How many threads compute on `processors`: one for each physical core, where stock vLLM uses one sibling of each.

    As in `vllm.utils.ompmultiprocessing`, which counts only where it may start the worker's process itself, and then
    also keeps to one NUMA node and leaves a processor free. Neither is done here, where threads are not pinned.
    """
    if platform.machine() not in ("x86_64", "s390x"):
        return len(processors)
    try:
        siblings = {(topology / f"cpu{number}/topology/thread_siblings_list").read_text() for number in processors}
    except OSError as error:
        fallback("computing on one thread for each physical core", error)
        return len(processors)
    return len(siblings)
