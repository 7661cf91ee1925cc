"""The messages of the control protocol, as docs/protocol.md lists them.

A message is a frozen dataclass; `parse` makes one from a frame's JSON object and `to_json` turns it back. Absent and
`null` mean the same, unknown fields are ignored.
"""

import dataclasses
import types
import typing
from dataclasses import dataclass
from typing import Any, ClassVar

PROTOCOL_VERSION = 1

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
        return {"type": self.TYPE, **{name: _to_json(value) for name, value in fields.items() if value is not None}}


@dataclass(frozen=True, kw_only=True)
class Hello(Message):
    """The first frame of every connection: who dials."""

    TYPE = "hello"
    id: int
    protocol: int
    epoch: int
    process: str
    role: str
    pid: int
    runtime: str
    state: str
    device: str | None = None
    engine: str | None = None
    generation: Generation | None = None
    versions: dict[str, str] | None = None
    reset: ResetInPlace | None = None
    """Of a worker; None: it is replaced after each engine."""


@dataclass(frozen=True, kw_only=True)
class Welcome(Message):
    """The controller takes the process in."""

    TYPE = "welcome"
    re: int
    epoch: int
    orphan_timeout_ms: float


@dataclass(frozen=True, kw_only=True)
class Refused(Message):
    """The controller does not want this process; it ends itself."""

    TYPE = "refused"
    re: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class Fork(Message):
    """Asks a zygote or a template for a new process."""

    TYPE = "fork"
    id: int
    deadline_ms: float | None = None
    process: str
    role: str
    device: str
    cores: list[int]
    log: str
    temporary_directory: str
    socket: str | None = None
    """Where a worker listens for its executors."""


@dataclass(frozen=True, kw_only=True)
class Forked(Message):
    """The process asked for exists."""

    TYPE = "forked"
    re: int
    pid: int


@dataclass(frozen=True, kw_only=True)
class Failed(Message):
    """A request that was understood could not be met."""

    TYPE = "failed"
    re: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class Exited(Message):
    """A zygote or template reaped a child."""

    TYPE = "exited"
    process: str
    pid: int
    status: int | None = None
    signal: int | None = None


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


@dataclass(frozen=True, kw_only=True)
class Accepted(Message):
    """The assignment, or the order to prepare, is taken; its outcome follows."""

    TYPE = "accepted"
    re: int


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
class Ping(Message):
    """Asks for a sign of life."""

    TYPE = "ping"
    id: int
    deadline_ms: float | None = None


@dataclass(frozen=True, kw_only=True)
class Pong(Message):
    """The sign of life."""

    TYPE = "pong"
    re: int
    progress: int
    private_bytes: int | None = None
    """None: it cannot tell."""

    cache_bytes: int = 0


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


@dataclass(frozen=True, kw_only=True)
class LeaseRequest(Message):
    """An executor asks for workers."""

    TYPE = "lease.request"
    id: int
    deadline_ms: float | None = None
    world_size: int
    model: str
    device_type: str
    footprint_bytes: int
    versions: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class LeaseGrant(Message):
    """The workers, in the order of their ranks."""

    TYPE = "lease.grant"
    re: int
    engine: str
    generation: Generation
    workers: list[GrantedWorker]


@dataclass(frozen=True, kw_only=True)
class LeaseRefused(Message):
    """There are no workers for this executor, and why."""

    TYPE = "lease.refused"
    re: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class LeaseRelease(Message):
    """An executor gives its workers back."""

    TYPE = "lease.release"
    id: int
    deadline_ms: float | None = None
    engine: str
    generation: Generation


@dataclass(frozen=True, kw_only=True)
class LeaseRevoke(Message):
    """The controller wants an executor's workers back."""

    TYPE = "lease.revoke"
    id: int
    deadline_ms: float | None = None
    engine: str
    generation: Generation


@dataclass(frozen=True, kw_only=True)
class Lease(Message):
    """Tells a worker which executor may come."""

    TYPE = "lease"
    id: int
    deadline_ms: float | None = None
    engine: str
    generation: Generation
    executor_pid: int
    cores: list[int]


@dataclass(frozen=True, kw_only=True)
class Reset(Message):
    """Asks a worker to let go of everything of an engine."""

    TYPE = "reset"
    id: int
    deadline_ms: float | None = None
    generation: Generation


@dataclass(frozen=True, kw_only=True)
class Stop(Message):
    """Asks a process to end itself."""

    TYPE = "stop"
    id: int
    deadline_ms: float | None = None


@dataclass(frozen=True, kw_only=True)
class Done(Message):
    """What was asked for is done; after `stop` the process ends."""

    TYPE = "done"
    re: int


@dataclass(frozen=True, kw_only=True)
class Error(Message):
    """A frame was not understood. `re` is its id, where it had one."""

    TYPE = "error"
    re: int | None = None
    reason: str


_TYPES: dict[str, type[Message]] = {kind.TYPE: kind for kind in Message.__subclasses__()}
_HINTS = {kind: typing.get_type_hints(kind) for kind in _TYPES.values()}


def parse(frame: dict[str, Any]) -> Message:
    """The message that a frame's JSON object is. Raises `MessageError` where it is none."""
    number = frame.get("id")
    request = number if _is_a(number, int) else None
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
        if not _is_a(value, hint):
            raise MessageError(f"'{field.name}' of {name} is not {_describe(hint)}", request, name)
        values[field.name] = _build(value, hint)
    return kind(**values)


def _to_json(value: Any) -> Any:
    if isinstance(value, list):
        return [_to_json(item) for item in value]
    return dataclasses.asdict(value) if dataclasses.is_dataclass(value) else value


def _build(value: Any, hint: Any) -> Any:
    """A JSON value that fits `hint`, with its objects made where `hint` names their class."""
    options = typing.get_args(hint)
    if typing.get_origin(hint) is list:
        return [_build(item, options[0]) for item in value]
    for option in options if isinstance(hint, types.UnionType) else (hint,):
        if dataclasses.is_dataclass(option):
            return option(**{field.name: value[field.name] for field in dataclasses.fields(option)})
    return value


def _is_a(value: Any, hint: Any) -> bool:
    """Whether a JSON value fits a field's type. A number without fraction is a float too; a boolean is no number."""
    origin = typing.get_origin(hint)
    if hint is Any:
        return True
    if origin in (types.UnionType, typing.Union):
        return any(_is_a(value, option) for option in typing.get_args(hint))
    if origin is list:
        return isinstance(value, list) and all(_is_a(item, typing.get_args(hint)[0]) for item in value)
    if origin is dict:
        return isinstance(value, dict) and all(_is_a(item, typing.get_args(hint)[1]) for item in value.values())
    if dataclasses.is_dataclass(hint):
        fields = typing.get_type_hints(hint)
        return isinstance(value, dict) and all(_is_a(value.get(name), kind) for name, kind in fields.items())
    if isinstance(value, bool):
        return hint is bool
    return isinstance(value, (int, float) if hint is float else hint)


def _describe(hint: Any) -> str:
    options = [option for option in (typing.get_args(hint) or (hint,)) if option is not type(None)]
    base = options[0] if typing.get_origin(hint) in (types.UnionType, typing.Union) else hint
    return getattr(base, "__name__", str(base)) if typing.get_origin(base) is None else str(base)
