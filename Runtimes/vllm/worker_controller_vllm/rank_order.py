"""What an executor hands to each of its workers, as a pickled object over the worker's socket."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class RankOrder:
    """One rank of an engine: what it is to compute, and how it is spoken with."""

    rank: int
    environment: dict[str, str]
    """Set before `config` is read."""

    config: bytes
    """The engine's configuration, pickled: reading it may import what `environment` decides on."""

    rendezvous: str
    """Where the ranks find each other."""

    steps: Any
    """Handle of the queue that the ranks are told their work over."""

    is_driver: bool
    lock: str
    """A file; who holds its lock is the only rank that touches the inputs shared by all."""


@dataclass(frozen=True)
class RankReady:
    """A worker has loaded its rank."""

    answers: Any
    """Handle of the queue that the rank answers over."""


@dataclass(frozen=True)
class RankFailed:
    """A worker could not make its rank."""

    reason: str
