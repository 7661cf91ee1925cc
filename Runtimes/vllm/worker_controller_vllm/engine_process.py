"""A front end or core as its controller sees it: idle, then assigned, with stages, a peer and a progress counter."""

import os
import queue
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from worker_controller_vllm.control import EXIT_ALONE, EXIT_FAILED, EXIT_STOPPED, Identity
from worker_controller_vllm.errors import one_line
from worker_controller_vllm.forked_process import ForkedProcess
from worker_controller_vllm.messages import (
    REMOTE,
    Accepted,
    Assign,
    Done,
    Failed,
    Hello,
    Message,
    Park,
    Sleep,
    Stage,
    Unpark,
    Wake,
)
from worker_controller_vllm.process_log import logger
from worker_controller_vllm.runtime import Birth, Role
from worker_controller_vllm.stages import Stages

STAGES = {
    "front_end": ("config", "app", "listen"),
    "core": ("config", "attach", "load", "kv_cache", "warm_up"),
}
"""The stages that each role reports, in their order (docs/protocol.md)."""

RETURN_STAGES = STAGES["core"][1:]
"""What a core reports when its executor gets workers again: all but what it still has."""

SuspensionOrder = Sleep | Wake | Park | Unpark

Suspension = Callable[[SuspensionOrder], Future[None]]
"""Carries out vLLM's sleep or the end of it, or has the engine give its workers back or lease some again."""


class EngineProcess(ForkedProcess):
    """One forked process of an engine, front end or core."""

    def __init__(self, birth: Birth) -> None:
        self._assignment: Assign | None = None
        self._assigned: queue.SimpleQueue[Assign] = queue.SimpleQueue()
        self._suspension: Suspension | None = None
        self._stages = Stages()
        self._peer_fd = -1
        super().__init__(birth)

    @property
    def identity(self) -> Identity:
        """What this process dials its controller with."""
        return self._identity

    def wait_for_assignment(self) -> Assign:
        """Blocks the main thread until the controller has given this process its engine."""
        return self._assigned.get()

    def suspend_with(self, suspension: Suspension) -> None:
        """Names what carries out such orders; called from another thread, answered when its future is done."""
        self._suspension = suspension

    def stage_done(self, stage: str) -> None:
        """Reports the end of the current stage of the start, or of the workers' return."""
        for name, milliseconds in self._stages.end(stage):
            self._send_stage(name, milliseconds, None)

    @contextmanager
    def workers_return(self) -> Iterator[None]:
        """Within it a core passes the stages again in which it gets workers. The answer to `unpark` tells failures."""
        self._stages.begin(RETURN_STAGES)
        try:
            yield
        finally:
            self._stages.interrupt()

    def fail(self, error: BaseException) -> NoReturn:
        """Ends the process after an error; during the start this is reported as the current stage's failure."""
        stage = self._stages.current
        logger.error("failed in stage %s" if stage else "failed while serving%.0s", stage, exc_info=error)
        if stage is not None:
            self._send_stage(stage, self._stages.interrupt(), one_line(error))
        self.end(EXIT_FAILED)

    def _send_stage(self, stage: str, milliseconds: float, error: str | None) -> None:
        assignment = self._assignment
        assert assignment is not None, "a stage before the assignment"
        generation = assignment.generation
        self._control.send(
            Stage(engine=assignment.engine, generation=generation, stage=stage, ms=milliseconds, error=error)
        )

    def _hello(self, request: int) -> Hello:
        assignment = self._assignment
        return self._identity.hello(
            request,
            self.role,
            "idle" if assignment is None else "assigned",
            device=self._device,
            engine=assignment.engine if assignment else None,
            generation=assignment.generation if assignment else None,
        )

    def _handle(self, message: Message) -> None:
        if isinstance(message, Assign):
            self._assign(message)
        elif isinstance(message, SuspensionOrder):
            self._suspend(message)
        else:
            super()._handle(message)

    def _suspend(self, order: SuspensionOrder) -> None:
        assignment = self._assignment
        if assignment is None or assignment.generation != order.generation:
            return self._control.send(Failed(re=order.id, reason=f"{order.engine} is not here"))
        if self._suspension is None:
            return self._control.send(Failed(re=order.id, reason=f"{order.engine} is not ready"))

        def answer(outcome: Future[None]) -> None:
            if outcome.cancelled():
                return self._control.send(Failed(re=order.id, reason=f"{order.engine} is ending"))
            error = outcome.exception()
            done = Done(re=order.id) if error is None else Failed(re=order.id, reason=one_line(error))
            self._control.send(done)

        try:
            self._suspension(order).add_done_callback(answer)
        except RuntimeError as error:  # Its event loop is closed.
            self._control.send(Failed(re=order.id, reason=one_line(error)))

    def _assign(self, assignment: Assign) -> None:
        reason = self._reason_against(assignment)
        if reason is None:
            reason = self._open_peer(assignment.peer_pid)
        if reason is not None:
            return self._control.send(Failed(re=assignment.id, reason=reason))
        self._assignment = assignment
        self._stages.begin(STAGES[self.role])
        self._control.send(Accepted(re=assignment.id))
        self._control.watch(self._peer_fd, self._peer_ended)
        self._assigned.put(assignment)

    def _open_peer(self, pid: int) -> str | None:
        """Opens what the peer is watched with; returns why that cannot be."""
        try:
            descriptor = os.pidfd_open(pid)
        except (OSError, OverflowError) as error:
            return f"peer {pid}: {error.strerror if isinstance(error, OSError) else error}"
        # Looked at only now: as long as the descriptor's process lives, its pid is given to no other.
        if is_another_process(pid, self._parent, self._control.controller_pid()):
            os.close(descriptor)
            return f"peer {pid} is another process"
        self._peer_fd = descriptor
        return None

    def _reason_against(self, assignment: Assign) -> str | None:
        if self._assignment is not None:
            return f"not idle: {self._assignment.engine} is here"
        if assignment.executor not in (None, "in-process", REMOTE):
            return f"unknown executor '{assignment.executor}'; there are in-process, {REMOTE}"
        if assignment.world_size < 1 or (assignment.world_size != 1 and not assignment.is_remote):
            return f"world size {assignment.world_size} is not supported by this executor, only 1"
        if not assignment.names:
            return "no names to serve the engine under"
        paths = (assignment.socket, assignment.input_socket, assignment.output_socket)
        if relative := [path for path in paths if not os.path.isabs(path)]:
            return f"not an absolute path: {relative[0]}"
        return None

    def _peer_ended(self) -> None:
        assert self._assignment is not None
        if self._stopping:  # Both were told to stop, and the other was faster.
            os._exit(EXIT_STOPPED)
        logger.error("the other process of %s (pid %d) ended", self._assignment.engine, self._assignment.peer_pid)
        os._exit(EXIT_ALONE)


def as_role(play: Callable[["EngineProcess"], None]) -> Role:
    """The role of a process whose main thread plays `play`."""

    def run(birth: Birth) -> int:
        process = EngineProcess(birth)
        process.start()
        play(process)
        return EXIT_STOPPED

    return run


def is_another_process(pid: int, parent_of_both: int, controller: int | None) -> bool:
    """Whether `pid`, the peer's when the controller named it, was given to a process that our own parent did not fork.

    False where it cannot be told: when that parent is gone (then its children, this one too, have new parents), and for
    a peer whose own parent, an earlier zygote, is: the controller or init is its parent now.
    """
    try:
        parent = parent_of(pid)
    except OSError:
        return os.getppid() == parent_of_both  # It ended, and was reaped, since its pidfd was opened.
    return parent not in (parent_of_both, controller, 1) and os.getppid() == parent_of_both


def parent_of(pid: int) -> int:
    # Field 4, counted behind the name, which may hold anything: process titles are set.
    return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])
