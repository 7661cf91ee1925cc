"""Who a process is, what it is asked as such, and plain answers."""

from dataclasses import dataclass

from worker_controller_vllm.messages.message import Generation, Message, ResetInPlace


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
class Accepted(Message):
    """The assignment, or the order to prepare, is taken; its outcome follows."""

    TYPE = "accepted"
    re: int


@dataclass(frozen=True, kw_only=True)
class Ping(Message):
    """Asks for a sign of life."""

    TYPE = "ping"
    id: int
    deadline_ms: float | None = None
    memory: bool | None = None
    """Whether `pong` is to say what the process owns; None: yes."""

    @property
    def asks_for_memory(self) -> bool:
        return self.memory is not False


@dataclass(frozen=True, kw_only=True)
class Pong(Message):
    """The sign of life."""

    TYPE = "pong"
    re: int
    progress: int
    private_bytes: int | None = None
    """None: it cannot tell, or was not asked."""

    cache_bytes: int = 0


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
