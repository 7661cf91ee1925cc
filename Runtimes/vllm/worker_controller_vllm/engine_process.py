"""A front end or core as its controller sees it: idle, then assigned, with stages, a peer and a progress counter.

The main thread belongs to the role (vLLM needs it for signals and its event loop). Everything that must answer at any
time, also while a model loads, happens on the control thread.
"""

import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from typing import NoReturn

from worker_controller_vllm.control import EXIT_ALONE, EXIT_FAILED, EXIT_STOPPED, ControlLoop, Identity
from worker_controller_vllm.memory import private_bytes
from worker_controller_vllm.messages import (
    PROTOCOL_VERSION,
    Accepted,
    Assign,
    Done,
    Error,
    Failed,
    Hello,
    Message,
    Ping,
    Pong,
    Stage,
    Stop,
)
from worker_controller_vllm.process_log import logger
from worker_controller_vllm.stages import Stages

MAX_ERROR_CHARACTERS = 500

STAGES = {
    "front_end": ("config", "app", "listen"),
    "core": ("config", "attach", "load", "kv_cache", "warm_up"),
}
"""The stages that each role reports, in their order (docs/protocol.md)."""


class EngineProcess:
    """One forked process of an engine, front end or core."""

    def __init__(self, identity: Identity, role: str, device: str) -> None:
        self.role = role
        self._identity = identity
        self._device = device
        self._assignment: Assign | None = None
        self._assigned: queue.SimpleQueue[Assign] = queue.SimpleQueue()
        self._progress: Callable[[], int] = lambda: 0
        self._stages = Stages()
        self._peer_fd = -1
        self._stopping = False
        self._control = ControlLoop(identity, self._hello, self._handle)

    def start(self) -> None:
        """Dials the controller on a thread of its own. The process ends when that loop ends."""
        threading.Thread(target=self._run_control, name="control", daemon=True).start()

    def wait_for_assignment(self) -> Assign:
        """Blocks the main thread until the controller has given this process its engine."""
        return self._assigned.get()

    def count_progress_with(self, counter: Callable[[], int]) -> None:
        """Names the counter that `pong` reports; it must be cheap and safe to call from another thread."""
        self._progress = counter

    def stage_done(self, stage: str) -> None:
        """Reports the end of the current stage of the start."""
        for name, milliseconds in self._stages.end(stage):
            self._send_stage(name, milliseconds, None)

    def fail(self, error: BaseException) -> NoReturn:
        """Ends the process after an error; during the start this is reported as the current stage's failure."""
        stage = self._stages.current
        logger.error("failed in stage %s" if stage else "failed while serving%.0s", stage, exc_info=error)
        if stage is not None:
            self._send_stage(stage, self._stages.interrupt(), one_line(error))
        self.end(EXIT_FAILED)

    def end(self, status: int) -> NoReturn:
        """Ends the process once the control thread has written what is left to say."""
        sys.stdout.flush()
        sys.stderr.flush()
        self._control.finish(status)
        while True:
            time.sleep(60)  # The control thread ends the process.

    def _send_stage(self, stage: str, milliseconds: float, error: str | None) -> None:
        assignment = self._assignment
        assert assignment is not None, "a stage before the assignment"
        generation = assignment.generation
        self._control.send(
            Stage(engine=assignment.engine, generation=generation, stage=stage, ms=milliseconds, error=error)
        )

    def _run_control(self) -> None:
        status = EXIT_FAILED
        try:
            status = self._control.run()
        except BaseException:
            logger.exception("the control thread failed")
        # At once and from any state: an engine's process holds nothing that an orderly end would save.
        os._exit(status)

    def _hello(self, request: int) -> Hello:
        assignment = self._assignment
        return Hello(
            id=request,
            protocol=PROTOCOL_VERSION,
            epoch=self._identity.epoch,
            process=self._identity.process,
            role=self.role,
            pid=os.getpid(),
            runtime=self._identity.runtime,
            state="idle" if assignment is None else "assigned",
            device=self._device,
            engine=assignment.engine if assignment else None,
            generation=assignment.generation if assignment else None,
        )

    def _handle(self, message: Message) -> None:
        if isinstance(message, Ping):
            self._control.send(Pong(re=message.id, progress=self._progress(), private_bytes=private_bytes()))
        elif isinstance(message, Assign):
            self._assign(message)
        elif isinstance(message, Stop):
            self._stopping = True
            self._control.send(Done(re=message.id))
            self._control.finish(EXIT_STOPPED)
        else:
            reason = f"a {self.role} does not take '{message.TYPE}'"
            self._control.send(Error(re=getattr(message, "id", None), reason=reason))

    def _assign(self, assignment: Assign) -> None:
        reason = self._reason_against(assignment)
        if reason is None:
            try:
                self._peer_fd = os.pidfd_open(assignment.peer_pid)
            except OSError as error:
                reason = f"peer {assignment.peer_pid}: {error.strerror}"
        if reason is not None:
            return self._control.send(Failed(re=assignment.id, reason=reason))
        self._assignment = assignment
        self._stages.begin(STAGES[self.role])
        self._control.send(Accepted(re=assignment.id))
        self._control.watch(self._peer_fd, self._peer_ended)
        self._assigned.put(assignment)

    def _reason_against(self, assignment: Assign) -> str | None:
        if self._assignment is not None:
            return f"not idle: {self._assignment.engine} is here"
        if assignment.world_size != 1:
            return f"world size {assignment.world_size} is not supported by this runtime, only 1"
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


def one_line(error: BaseException) -> str:
    """The last line of an exception as Python prints it, short enough for a `stage`."""
    name, text = type(error).__name__, str(error).strip()
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    # An ArgumentsError's text is written for people already; others need their type to be understood.
    if name != "ArgumentsError":
        line = f"{name}: {line}" if line else name
    return line[:MAX_ERROR_CHARACTERS]
