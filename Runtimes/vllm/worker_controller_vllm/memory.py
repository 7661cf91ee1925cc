"""What a process owns alone."""

from pathlib import Path


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
