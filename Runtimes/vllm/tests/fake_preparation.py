"""What a fake template prepares: does what an order's `arguments` say under `make` and under `load`.

`wait`: until the FIFO of that path was opened for writing and closed; `compute`: with so many OpenMP threads; `raise`:
an error with that text; `exit`: `sys.exit` with that; `die`: kill the process.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from openmp import compute

from worker_controller_vllm.messages import Prepare
from worker_controller_vllm.runtime import Role


class FakePreparation:
    """A model that is nothing but the list of what was made of it."""

    made: list[str] = []
    """Of this process, and what it inherited."""

    def __init__(self, roles: Mapping[str, Role]) -> None:
        self._pair = roles
        self.roles: Mapping[str, Role] = {}
        self._script: dict[str, Any] = {}

    def make(self, order: Prepare, mark: Callable[[str], None]) -> None:
        self._script = order.arguments
        self._do("make")
        mark("config")
        self.roles = self._pair
        mark("app")

    def load(self, mark: Callable[[str], None]) -> None:
        self._do("load")
        mark("load")

    def _do(self, part: str) -> None:
        assert threading.current_thread() is not threading.main_thread()
        for action, value in self._script.get(part, {}).items():
            _ACTIONS[action](value)
        self.made.append(part)


def _raise(text: str) -> None:
    raise OSError(text)


_ACTIONS: dict[str, Callable[[Any], Any]] = {
    "wait": lambda path: Path(path).read_bytes(),
    "compute": compute,
    "raise": _raise,
    "exit": sys.exit,
    "die": lambda _: os.kill(os.getpid(), signal.SIGKILL),
}
