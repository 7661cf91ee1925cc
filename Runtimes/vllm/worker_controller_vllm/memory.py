"""What a process owns alone, and giving back what it does not use."""

import ctypes
import mmap
from pathlib import Path

_MADV_POPULATE_WRITE = 23
"""Since Linux 5.14."""


def private_bytes(pid: int | str = "self") -> int:
    """Memory in bytes that only this process maps: what its end gives back.

    Read from ``smaps_rollup``; 0 where the kernel does not offer it, since the figure is information, not a promise.
    """
    total = 0
    try:
        with Path(f"/proc/{pid}/smaps_rollup").open() as lines:
            for line in lines:
                if line.startswith(("Private_Clean:", "Private_Dirty:")):
                    total += int(line.split()[1]) * 1024
    except OSError:
        return 0
    return total


def resident_bytes(address: int, size: int) -> int:
    """How much of a piece of this process's memory is in pages that are there, whole pages counted."""
    start = address - address % mmap.PAGESIZE
    length = address + size - start
    present = ctypes.create_string_buffer(-(-length // mmap.PAGESIZE))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mincore(ctypes.c_void_p(start), ctypes.c_size_t(length), present) != 0:
        raise OSError(ctypes.get_errno(), "mincore")
    return (len(present.raw) - present.raw.count(0)) * mmap.PAGESIZE


def populate(address: int, size: int) -> bool:
    """Has the kernel bring in the pages of a piece of this process's memory as a write would; false if it cannot."""
    libc = ctypes.CDLL(None)
    return libc.madvise(ctypes.c_void_p(address), ctypes.c_size_t(size), _MADV_POPULATE_WRITE) == 0


def give_back_free_memory() -> None:
    """Returns to the kernel what the C library keeps for later allocations. Does nothing with another C library."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
