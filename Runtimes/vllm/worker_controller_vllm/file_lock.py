"""A lock between processes that are not each other's children."""

import fcntl
import os


class FileLock:
    """Held by at most one process at a time, and given up when that one ends. For `with`, on one thread."""

    def __init__(self, path: str) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def __enter__(self) -> "FileLock":
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        return self

    def __exit__(self, *_: object) -> None:
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def __del__(self) -> None:
        os.close(self._descriptor)
