"""Leases of workers: between controller, executors and workers."""

from dataclasses import dataclass

from worker_controller_vllm.messages.message import Generation, GrantedWorker, Message


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
