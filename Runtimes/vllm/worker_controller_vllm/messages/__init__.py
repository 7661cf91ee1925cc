"""The messages of the control protocol, as docs/protocol.md lists them.

A message is a frozen dataclass; `parse` makes one from a frame's JSON object and `to_json` turns it back. Absent and
`null` mean the same, unknown fields are ignored.
"""

import dataclasses
import typing
from typing import Any

from worker_controller_vllm.messages.engines import Assign, Park, Sleep, Stage, Unpark, Wake
from worker_controller_vllm.messages.fields import build, describe, is_a
from worker_controller_vllm.messages.leases import (
    Lease,
    LeaseGrant,
    LeaseRefused,
    LeaseRelease,
    LeaseRequest,
    LeaseRevoke,
    Reset,
)
from worker_controller_vllm.messages.message import (
    REMOTE,
    Generation,
    GrantedWorker,
    Message,
    MessageError,
    ResetInPlace,
)
from worker_controller_vllm.messages.processes import (
    Accepted,
    Done,
    Error,
    Exited,
    Failed,
    Fork,
    Forked,
    Hello,
    Ping,
    Pong,
    Refused,
    Stop,
    Welcome,
)
from worker_controller_vllm.messages.templates import Prepare, Prepared

__all__ = [
    "Accepted",
    "Assign",
    "Done",
    "Error",
    "Exited",
    "Failed",
    "Fork",
    "Forked",
    "Generation",
    "GrantedWorker",
    "Hello",
    "Lease",
    "LeaseGrant",
    "LeaseRefused",
    "LeaseRelease",
    "LeaseRequest",
    "LeaseRevoke",
    "Message",
    "MessageError",
    "PROTOCOL_VERSION",
    "Park",
    "Ping",
    "Pong",
    "Prepare",
    "Prepared",
    "REMOTE",
    "Refused",
    "Reset",
    "ResetInPlace",
    "Sleep",
    "Stage",
    "Stop",
    "Unpark",
    "Wake",
    "Welcome",
    "parse",
]

PROTOCOL_VERSION = 1

_TYPES: dict[str, type[Message]] = {kind.TYPE: kind for kind in Message.__subclasses__()}
_HINTS = {kind: typing.get_type_hints(kind) for kind in _TYPES.values()}


def parse(frame: dict[str, Any]) -> Message:
    """The message that a frame's JSON object is. Raises `MessageError` where it is none."""
    number = frame.get("id")
    request = number if is_a(number, int) else None
    name = frame["type"]
    kind = _TYPES.get(name)
    if kind is None:
        raise MessageError(f"unknown type '{name}'", request)
    values: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        value = frame.get(field.name)
        if value is None:
            if field.default is dataclasses.MISSING:
                raise MessageError(f"{name} without '{field.name}'", request, name)
            continue
        hint = _HINTS[kind][field.name]
        if not is_a(value, hint):
            raise MessageError(f"'{field.name}' of {name} is not {describe(hint)}", request, name)
        values[field.name] = build(value, hint)
    return kind(**values)
