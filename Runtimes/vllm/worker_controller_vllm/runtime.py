"""What a zygote needs of a runtime: so that its loop can be tested without vLLM."""

from collections.abc import Callable, Mapping
from typing import Protocol

from worker_controller_vllm.engine_process import EngineProcess

Role = Callable[[EngineProcess], None]
"""The main thread's part of a forked process, from before its assignment to its end."""


class Runtime(Protocol):
    """A program that can be imported once and forked many times."""

    roles: Mapping[str, Role]

    def preload(self) -> dict[str, str]:
        """Imports and pays, once, whatever every process would pay; returns versions to show to users."""
        ...
