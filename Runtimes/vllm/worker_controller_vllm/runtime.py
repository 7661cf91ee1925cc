"""What a zygote, a template and a worker need of a runtime: so that their loops can be tested without vLLM."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from worker_controller_vllm.control import Identity
from worker_controller_vllm.messages import Prepare, ResetInPlace
from worker_controller_vllm.rank_order import RankOrder


@dataclass(frozen=True)
class Birth:
    """A process that was forked a moment ago, as its parent made it."""

    identity: Identity
    role: str
    device: str
    parent: int
    """Pid of the zygote or template that forked it."""
    socket: str | None = None
    """Where a worker listens."""


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


class Rank(Protocol):
    """One rank of an engine, at work in a worker."""

    ready: Any
    """What its executor is told when it can compute."""

    def serve(self) -> None:
        """Does what the executor asks, until `cancel`. Raises what went wrong."""
        ...

    def cancel(self) -> None:
        """Makes `serve` return, now or when it is called; from another thread."""
        ...

    def steps(self) -> int:
        """A counter that rises with its work; from another thread."""
        ...

    def cache_bytes(self) -> int:
        """How much of its KV cache is resident; from another thread."""
        ...


class WorkerRuntime(Protocol):
    """What a worker needs of its runtime. Called on the process's main thread, but where it says otherwise."""

    def attach(self, device: str) -> None:
        """Brings up the device's context; once, before the controller is told of this worker."""
        ...

    def rehearse(self, is_wanted: Callable[[], bool]) -> None:
        """Does beforehand what can be, of what the first `make_rank` would; once, while nobody has come.

        Ends soon when `is_wanted`. Raises `NotClean` when something is left.
        """
        ...

    def reset_of(self, device: str) -> ResetInPlace | None:
        """How workers of this device are made fit for their next engine; None: by replacing them."""
        ...

    def owned_bytes(self) -> int | None:
        """What this process owns alone of its device's memory; None where that cannot be told. From another thread."""
        ...

    def make_rank(self, order: RankOrder, cores: Sequence[int], is_over: Callable[[], bool]) -> Rank:
        """Makes a rank of an engine with its model loaded; `is_over`: whether its executor has gone meanwhile."""
        ...

    def let_go(self) -> None:
        """Frees everything that the last `make_rank` brought, also where that failed half-way.

        Raises `NotClean` when something is left.
        """
        ...


class NotClean(Exception):
    """A worker holds something of an engine that is gone."""


class Runtime(Protocol):
    """A program that can be imported once and forked many times."""

    roles: Mapping[str, Role]

    def preload(self) -> dict[str, str]:
        """Imports and pays, once, whatever every process would pay; returns versions to show to users."""
        ...
