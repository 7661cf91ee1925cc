"""Forks processes on request, reaps them and says so: what a zygote and a template have in common."""

import os
import signal
from collections.abc import Mapping
from dataclasses import replace
from typing import NoReturn

from worker_controller_vllm import child
from worker_controller_vllm.control import EXIT_FAILED, EXIT_STOPPED, ControlLoop, Identity
from worker_controller_vllm.memory import private_bytes
from worker_controller_vllm.messages import (
    Done,
    Error,
    Exited,
    Failed,
    Fork,
    Forked,
    Hello,
    Message,
    Ping,
    Pong,
    Stop,
)
from worker_controller_vllm.process_log import flush_output, logger
from worker_controller_vllm.runtime import Birth, Role

WORKER = "worker"


class ForkServer:
    """Serves `fork`, `ping` and `stop` on its one thread; what a second one holds would be held for ever in a child."""

    role: str

    def __init__(self, identity: Identity, device: str | None = None) -> None:
        self._identity = identity
        self._device = device
        self._pid = os.getpid()
        self._children: dict[int, str] = {}
        self._forks = 0
        self._control = ControlLoop(identity, self._hello, self._handle)

    @property
    def state(self) -> str:
        """As `hello` says it."""
        return "idle"

    @property
    def versions(self) -> dict[str, str] | None:
        """To show to users."""
        return None

    def roles(self) -> Mapping[str, Role]:
        """What can be forked now."""
        raise NotImplementedError

    def reason_against_fork(self) -> str | None:
        """Why nothing can be forked now."""
        return None

    def run(self) -> int:
        """Serves until stopped, refused or orphaned, and then lets go of its children. Returns the exit status."""
        # Python writes to the wake-up descriptor only for signals that have a handler of their own.
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(self._control.wakeup_fd, warn_on_full_buffer=False)
        try:
            return self._control.run(on_wake=self._on_wake)
        finally:
            if os.getpid() == self._pid:  # A child that got here by mistake must not touch its siblings.
                self._release_children()

    def _on_wake(self) -> None:
        self._reap()

    def _hello(self, request: int) -> Hello:
        return self._identity.hello(request, self.role, self.state, device=self._device, versions=self.versions)

    def _handle(self, message: Message) -> None:
        if isinstance(message, Fork):
            self._fork(message)
        elif isinstance(message, Ping):
            owned = private_bytes() if message.asks_for_memory else None
            self._control.send(Pong(re=message.id, progress=self._forks, private_bytes=owned))
        elif isinstance(message, Stop):
            self._release_children()
            self._control.send(Done(re=message.id))
            self._control.finish(EXIT_STOPPED)
        else:
            reason = f"a {self.role} does not take '{message.TYPE}'"
            self._control.send(Error(re=getattr(message, "id", None), reason=reason))

    def _fork(self, request: Fork) -> None:
        if reason := self.reason_against_fork():
            return self._control.send(Failed(re=request.id, reason=reason))
        roles = self.roles()
        if request.role not in roles:
            reason = f"unknown role '{request.role}'; there are {', '.join(sorted(roles))}"
            return self._control.send(Failed(re=request.id, reason=reason))
        if request.role == WORKER and request.socket is None:
            return self._control.send(Failed(re=request.id, reason="a worker needs a socket"))
        try:
            log = child.open_log(request.log)
        except (OSError, ValueError) as error:  # ValueError: a path with a NUL in it, or one that is no text.
            why = error.strerror if isinstance(error, OSError) else error
            return self._control.send(Failed(re=request.id, reason=f"{request.log}: {why}"))
        flush_output()  # What is buffered now would be written twice, by parent and child.
        try:
            pid = os.fork()
        except OSError as error:
            os.close(log)
            return self._control.send(Failed(re=request.id, reason=f"fork: {error.strerror}"))
        if pid == 0:
            self._run_child(request, log, roles[request.role])
        os.close(log)
        self._forks += 1
        self._children[pid] = request.process
        self._control.send(Forked(re=request.id, pid=pid))

    def _run_child(self, request: Fork, log: int, role: Role) -> NoReturn:
        status = EXIT_FAILED
        try:
            child.become_child(request, log)
            self._control.close()
            identity = replace(self._identity, process=request.process)
            status = role(
                Birth(
                    identity=identity,
                    role=request.role,
                    device=request.device,
                    parent=self._pid,
                    socket=request.socket,
                )
            )
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else EXIT_STOPPED
        except BaseException:
            logger.exception("%s (%s) failed", request.process, request.role)
        finally:
            # Never back into the parent's stack, whatever happened.
            try:
                flush_output()
            finally:
                os._exit(status)

    def _reap(self) -> None:
        for child_pid in list(self._children):  # Not any child: a model's own code may have some in a template.
            try:
                pid, status = os.waitpid(child_pid, os.WNOHANG)
            except ChildProcessError:  # A model's own code waits for any child; the controller has a pidfd of ours.
                self._children.pop(child_pid)
                continue
            if pid != 0:
                self._report(pid, status)

    def _report(self, pid: int, status: int) -> None:
        process = self._children.pop(pid, None)
        if process is None:
            return
        killed = os.WIFSIGNALED(status)
        self._control.send(
            Exited(
                process=process,
                pid=pid,
                status=None if killed else os.WEXITSTATUS(status),
                signal=os.WTERMSIG(status) if killed else None,
            )
        )

    def _release_children(self) -> None:
        """What becomes of the children when their parent ends in order."""

    def _end_children(self) -> None:
        """Kills and reaps every child, with whatever its session's process group holds."""
        for pid in self._children:
            for kill in (os.killpg, os.kill):  # A child that has no group yet is found by its pid alone.
                try:
                    kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        for pid in list(self._children):
            self._report(*os.waitpid(pid, 0))
