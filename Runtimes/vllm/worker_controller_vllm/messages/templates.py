"""The making of a template."""

from dataclasses import dataclass
from typing import Any

from worker_controller_vllm.messages.message import REMOTE, Message


@dataclass(frozen=True, kw_only=True)
class Prepare(Message):
    """Tells a template its model, or to load the weights of the one that it has."""

    TYPE = "prepare"
    id: int
    deadline_ms: float | None = None
    model: str
    names: list[str]
    path: str
    arguments: dict[str, Any]
    environment: dict[str, str]
    device: str
    cores: list[int]
    weights: bool
    executor: str | None = None
    world_size: int | None = None

    @property
    def is_remote(self) -> bool:
        """Whether the model's engines compute in leased workers, not in their cores."""
        return self.executor == REMOTE


@dataclass(frozen=True, kw_only=True)
class Prepared(Message):
    """A template is ready to fork, or could not be made (`error`)."""

    TYPE = "prepared"
    model: str
    weights: bool
    stages: list[dict[str, Any]]
    private_bytes: int
    error: str | None = None
