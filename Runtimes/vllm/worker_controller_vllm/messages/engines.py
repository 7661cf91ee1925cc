"""An engine's start, its stages and its rests."""

from dataclasses import dataclass
from typing import Any

from worker_controller_vllm.messages.message import REMOTE, Generation, Message


@dataclass(frozen=True, kw_only=True)
class Assign(Message):
    """Gives an idle front end and an idle core their engine."""

    TYPE = "assign"
    id: int
    deadline_ms: float | None = None
    engine: str
    generation: Generation
    names: list[str]
    path: str
    arguments: dict[str, Any]
    environment: dict[str, str]
    socket: str
    input_socket: str
    output_socket: str
    device: str
    cores: list[int]
    world_size: int
    peer_pid: int
    executor: str | None = None

    @property
    def is_remote(self) -> bool:
        """Whether the engine computes in leased workers, not in its core."""
        return self.executor == REMOTE


@dataclass(frozen=True, kw_only=True)
class Stage(Message):
    """A stage of an engine's start has ended, or failed with `error`."""

    TYPE = "stage"
    engine: str
    generation: Generation
    stage: str
    ms: float
    error: str | None = None


@dataclass(frozen=True, kw_only=True)
class Sleep(Message):
    """Asks a front end for vLLM's sleep: the engine lets go of device memory, and keeps its processes."""

    TYPE = "sleep"
    id: int
    deadline_ms: float | None = None
    engine: str
    generation: Generation
    level: int


@dataclass(frozen=True, kw_only=True)
class Wake(Message):
    """Ends that sleep."""

    TYPE = "wake"
    id: int
    deadline_ms: float | None = None
    engine: str
    generation: Generation


@dataclass(frozen=True, kw_only=True)
class Park(Message):
    """Asks a front end to have its engine give its workers back; front end and core stay."""

    TYPE = "park"
    id: int
    deadline_ms: float | None = None
    engine: str
    generation: Generation


@dataclass(frozen=True, kw_only=True)
class Unpark(Message):
    """Asks a front end to have its engine lease workers again."""

    TYPE = "unpark"
    id: int
    deadline_ms: float | None = None
    engine: str
    generation: Generation
