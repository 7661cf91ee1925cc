"""Whose a worker is: which executor may come, and when it is free again. A value, without I/O."""

from dataclasses import dataclass
from enum import Enum

from worker_controller_vllm.attachment import Attach
from worker_controller_vllm.messages import Generation, Lease


class Phase(Enum):
    """What has happened in a lease."""

    IDLE = "idle"
    LEASED = "leased"
    """An executor may come."""

    ATTACHED = "attached"
    """It came; it may have gone again while its engine is still being let go of."""

    SPENT = "spent"
    """Nothing of the engine is here any more, but what was left behind; only a reset leads on."""


class ResetOutcome(Enum):
    """What a reset that was taken comes to."""

    DONE = "done"
    WAIT = "wait"
    """The engine is to be let go of first."""


class Refusal(Exception):
    """An order or a visitor that does not fit; says why in one line."""


@dataclass
class Tenancy:
    """The lease of one worker. Every method that raises `Refusal` has changed nothing."""

    lease: Lease | None = None
    phase: Phase = Phase.IDLE
    left_behind: str | None = None
    is_reset_asked: bool = False

    def take(self, lease: Lease) -> None:
        """The controller gives this worker to an engine."""
        if self.lease is not None:
            raise Refusal(f"not idle: {self.lease.engine} is here ({self.phase.value})")
        self.lease = lease
        self.phase = Phase.LEASED
        self.left_behind = None

    def expects(self, pid: int) -> None:
        """Whether the process of this id may come at all: asked before a word of it is read."""
        if self.lease is None:
            raise Refusal("not leased")
        if pid != self.lease.executor_pid:
            raise Refusal(f"leased to process {self.lease.executor_pid}, not to {pid}")
        if self.phase is not Phase.LEASED:
            raise Refusal(f"{self.lease.engine} came already")

    def admit(self, pid: int, attach: Attach) -> Lease:
        """The executor has come."""
        self.expects(pid)
        assert self.lease is not None
        if (attach.engine, attach.generation) != (self.lease.engine, self.lease.generation):
            raise Refusal(
                f"leased to {self.lease.engine} in generation {_text(self.lease.generation)}, "
                f"not to {attach.engine} in {_text(attach.generation)}"
            )
        self.phase = Phase.ATTACHED
        return self.lease

    def freed(self, left_behind: str | None) -> bool:
        """The engine was let go of, but for what `left_behind` says; tells whether a reset waited for that."""
        asked, self.is_reset_asked = self.is_reset_asked, False
        self.phase = Phase.SPENT
        self.left_behind = left_behind
        if asked and left_behind is None:
            self._become_idle()
        return asked

    def reset(self, generation: Generation) -> ResetOutcome:
        """The controller wants this worker back from an engine."""
        if self.lease is None:
            return ResetOutcome.DONE  # Nothing of any engine is here.
        if generation != self.lease.generation:
            raise Refusal(f"leased in generation {_text(self.lease.generation)}, not in {_text(generation)}")
        if self.phase is Phase.ATTACHED:
            if self.is_reset_asked:
                raise Refusal("being reset already")
            self.is_reset_asked = True
            return ResetOutcome.WAIT
        if self.left_behind is not None:
            raise Refusal(self.left_behind)
        self._become_idle()
        return ResetOutcome.DONE

    def _become_idle(self) -> None:
        self.lease = None
        self.phase = Phase.IDLE


def _text(generation: Generation) -> str:
    return f"{generation.epoch}.{generation.counter}"
