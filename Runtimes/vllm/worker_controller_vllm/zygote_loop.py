"""The zygote at work: forks processes on request, reaps them and says so."""

import os
import signal
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from worker_controller_vllm import child
from worker_controller_vllm.control import EXIT_FAILED, EXIT_STOPPED, ControlLoop, Identity
from worker_controller_vllm.engine_process import EngineProcess
from worker_controller_vllm.memory import private_bytes
from worker_controller_vllm.messages import (
    PROTOCOL_VERSION,
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
from worker_controller_vllm.runtime import Role


class Zygote:
    """Serves `fork`, `ping` and `stop` on one thread; a second thread would be missing, locks held, in every child."""

    def __init__(self, identity: Identity, roles: Mapping[str, Role], versions: dict[str, str]) -> None:
        self._identity = identity
        self._roles = roles
        self._versions = versions
        self._pid = os.getpid()
        self._children: dict[int, str] = {}
        self._forks = 0
        self._control = ControlLoop(identity, self._hello, self._handle)

    def run(self) -> int:
        """Serves until stopped, refused or orphaned; ends and reaps all children first. Returns the exit status."""
        _log_threads()
        # Python writes to the wake-up descriptor only for signals that have a handler of their own.
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(self._control.wakeup_fd, warn_on_full_buffer=False)
        try:
            return self._control.run(on_wake=self._reap)
        finally:
            self._end_children()

    def _hello(self, request: int) -> Hello:
        return Hello(
            id=request,
            protocol=PROTOCOL_VERSION,
            epoch=self._identity.epoch,
            process=self._identity.process,
            role="zygote",
            pid=os.getpid(),
            runtime=self._identity.runtime,
            state="idle",
            versions=self._versions,
        )

    def _handle(self, message: Message) -> None:
        if isinstance(message, Fork):
            self._fork(message)
        elif isinstance(message, Ping):
            self._control.send(Pong(re=message.id, progress=self._forks, private_bytes=private_bytes()))
        elif isinstance(message, Stop):
            self._end_children()
            self._control.send(Done(re=message.id))
            self._control.finish(EXIT_STOPPED)
        else:
            reason = f"a zygote does not take '{message.TYPE}'"
            self._control.send(Error(re=getattr(message, "id", None), reason=reason))

    def _fork(self, request: Fork) -> None:
        if request.role not in self._roles:
            reason = f"unknown role '{request.role}'; there are {', '.join(sorted(self._roles))}"
            return self._control.send(Failed(re=request.id, reason=reason))
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
            self._run_child(request, log)
        os.close(log)
        self._forks += 1
        self._children[pid] = request.process
        self._control.send(Forked(re=request.id, pid=pid))

    def _run_child(self, request: Fork, log: int) -> NoReturn:
        status = EXIT_FAILED
        try:
            child.become_child(request, log)
            self._control.close_inherited()
            identity = replace(self._identity, process=request.process)
            process = EngineProcess(identity, request.role, request.device, zygote=self._pid)
            process.start()
            self._roles[request.role](process)
            status = EXIT_STOPPED
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else EXIT_STOPPED
        except BaseException:
            logger.exception("%s (%s) failed", request.process, request.role)
        finally:
            # Never back into the zygote's stack, whatever happened.
            try:
                flush_output()
            finally:
                os._exit(status)

    def _reap(self) -> None:
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
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

    def _end_children(self) -> None:
        """Kills and reaps every child, with whatever its session's process group holds."""
        if os.getpid() != self._pid:
            return  # A child that got here by mistake must not kill its siblings.
        for pid in self._children:
            for kill in (os.killpg, os.kill):  # A child that has no group yet is found by its pid alone.
                try:
                    kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        for pid in list(self._children):
            self._report(*os.waitpid(pid, 0))


def _log_threads() -> None:
    names = [Path(f"/proc/self/task/{task}/comm").read_text().strip() for task in os.listdir("/proc/self/task")]
    if len(names) > 1 or threading.active_count() > 1:
        logger.error("the zygote has %d threads (%s): forks are not safe", len(names), ", ".join(names))
