"""What a zygote and a template need of a runtime: so that their loops can be tested without vLLM."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from worker_controller_vllm.control import Identity
from worker_controller_vllm.messages import Prepare


@dataclass(frozen=True)
class Birth:
    """A process that was forked a moment ago, as its parent made it."""

    identity: Identity
    role: str
    device: str
    parent: int
    """Pid of the zygote or template that forked it."""


Role = Callable[[Birth], int]
"""The main thread's part of a forked process, from its birth to its end; gives its exit status."""


class Preparation(Protocol):
    """One model made ready in a template: all that needs no weights, and its weights where they are wanted."""

    def make(self, order: Prepare, mark: Callable[[str], None]) -> None:
        """Makes it, and reports the end of each stage to `mark`. Called on a thread of its own, at most once."""
        ...

    def load(self, mark: Callable[[str], None]) -> None:
        """Loads the weights. Called on a thread of its own, at most once, when `make` has ended."""
        ...

    @property
    def roles(self) -> Mapping[str, Role]:
        """What can be forked from it as it is now."""
        ...


class Runtime(Protocol):
    """A program that can be imported once and forked many times."""

    roles: Mapping[str, Role]

    def preload(self) -> dict[str, str]:
        """Imports and pays, once, whatever every process would pay; returns versions to show to users."""
        ...
