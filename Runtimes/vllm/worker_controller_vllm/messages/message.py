"""What all messages are, and what several of them carry."""

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar

from worker_controller_vllm.messages.fields import to_json

REMOTE = "remote"
"""`executor` of an engine whose ranks run in leased workers; absent or "in-process": in its core."""


class MessageError(Exception):
    """A frame that is JSON with a type, but no message of this protocol. `id` is the frame's, where it had one."""

    def __init__(self, reason: str, request: int | None, known_type: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.request = request
        self.known_type = known_type


@dataclass(frozen=True)
class Generation:
    """Says which start of an engine a message is about."""

    epoch: int
    counter: int


@dataclass(frozen=True)
class GrantedWorker:
    """One worker of a lease."""

    process: str
    pid: int
    socket: str
    device: str
    cores: list[int]


@dataclass(frozen=True)
class ResetInPlace:
    """A worker is used again if it owns at most so many bytes more after its reset than when it was new."""

    tolerance_bytes: int


@dataclass(frozen=True, kw_only=True)
class Message:
    """Base of all messages; `TYPE` is the frame's `type`."""

    TYPE: ClassVar[str]

    def to_json(self) -> dict[str, Any]:
        """The JSON object of the frame, without the fields that are absent."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {"type": self.TYPE, **{name: to_json(value) for name, value in fields.items() if value is not None}}
