"""A team of OpenMP threads, as torch computes with, without torch."""

import ctypes
import ctypes.util
import os
import threading

_NAME = ctypes.util.find_library("gomp")
IS_THERE = _NAME is not None


def compute(threads: int) -> None:
    """Runs a parallel region of so many threads; the team stays until the calling thread ends."""
    openmp = ctypes.CDLL(_NAME)
    # Something harmless to call with a null pointer.
    free = ctypes.cast(ctypes.CDLL(None).free, ctypes.c_void_p)
    openmp.GOMP_parallel(free, None, ctypes.c_uint(threads), ctypes.c_uint(0))
    if len(os.listdir("/proc/self/task")) < threads:
        raise RuntimeError(f"{threading.current_thread().name} computed without a team of {threads}")
