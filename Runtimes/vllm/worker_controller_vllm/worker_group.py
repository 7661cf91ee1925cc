"""The workers of one lease, as their executor holds them: connected, told their rank, watched, and let go again."""

import os
import select
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from worker_controller_vllm.attachment import ATTACHED, Attach, ask, peer_of
from worker_controller_vllm.frames import FrameError
from worker_controller_vllm.messages import GrantedWorker, LeaseGrant
from worker_controller_vllm.object_stream import StreamEnded, receive_object, send_object
from worker_controller_vllm.process_log import logger
from worker_controller_vllm.rank_order import RankFailed, RankOrder, RankReady

ATTACH_SECONDS = 10.0
"""How long a worker may take to let its executor in."""

LAST_WORD_SECONDS = 1.0
LET_GO_SECONDS = 5.0
"""How long an executor waits until its workers have left their work; a worker ends itself before that."""


class WorkerError(RuntimeError):
    """A worker that cannot be used, or that was lost."""


@dataclass
class Member:
    """One worker, connected."""

    rank: int
    worker: GrantedWorker
    connection: socket.socket
    process: int
    """A descriptor of the process, which becomes readable when it ends."""

    def __str__(self) -> str:
        return f"worker {self.worker.process} (rank {self.rank}, pid {self.worker.pid})"

    def close(self) -> None:
        self.connection.close()
        os.close(self.process)


class WorkerGroup:
    """All ranks of an engine, in their order."""

    def __init__(self, members: Sequence[Member]) -> None:
        self.members = list(members)
        self._stop = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._watcher: threading.Thread | None = None

    @classmethod
    def connect(cls, grant: LeaseGrant) -> "WorkerGroup":
        """Comes to each worker of the lease. Raises `WorkerError`."""
        members: list[Member] = []
        try:
            for rank, worker in enumerate(grant.workers):
                members.append(_connect(rank, worker, grant))
        except WorkerError:
            for member in members:
                member.close()
            raise
        return cls(members)

    def order(self, orders: Sequence[RankOrder], seconds: float) -> None:
        """Tells each worker its rank. Raises `WorkerError`."""
        if len(self.members) != len(orders):
            # The controller leaves out those whose processes have ended since.
            came = ", ".join(map(str, self.members)) or "nobody"
            raise WorkerError(f"leased {len(orders)} workers, {len(self.members)} came ({came}): the others have ended")
        for member, order in zip(self.members, orders, strict=True):
            try:
                send_object(member.connection, order, seconds)
            except StreamEnded as error:
                raise WorkerError(f"{member} did not take its order: {error}") from error

    def wait_until_ready(self, seconds: float) -> list[RankReady]:
        """What each rank says when its model is loaded. Raises `WorkerError` at the first that fails or is lost."""
        deadline = time.monotonic() + seconds
        ready: dict[int, RankReady] = {}
        poller = select.poll()
        for member in self.members:
            poller.register(member.connection, select.POLLIN)
        by_descriptor = {member.connection.fileno(): member for member in self.members}
        while len(ready) < len(self.members):
            left = deadline - time.monotonic()
            events = poller.poll(max(0.0, left) * 1000)
            if not events:
                missing = [str(member) for member in self.members if member.rank not in ready]
                raise WorkerError(f"not ready within {seconds:g} s: {', '.join(missing)}")
            for descriptor, _ in events:
                member = by_descriptor[descriptor]
                if member.rank in ready:  # Whatever it says after that.
                    raise WorkerError(self._last_word(member))
                ready[member.rank] = self._first_word(member)
        return [ready[member.rank] for member in self.members]

    def watch(self, on_loss: Callable[[str], None]) -> None:
        """Calls `on_loss`, once, on a thread of its own, when a worker has ended or has left."""
        self._watcher = threading.Thread(target=self._watch, args=(on_loss,), name="workers", daemon=True)
        self._watcher.start()

    def hang_up(self) -> None:
        """Tells all workers to leave, and nothing else: whoever waits for them hears of it. From any thread."""
        for member in list(self.members):
            _half_close(member.connection)

    def let_go(self, wait: bool) -> bool:
        """Ends the connections; with `wait`, returns when all workers have left their work, or tells that not all have.

        The group cannot be used any more.
        """
        os.eventfd_write(self._stop, 1)
        watcher = self._watcher
        if watcher is not None and watcher is not threading.current_thread():
            watcher.join()
        self.hang_up()
        have_left = not wait or self._have_left(time.monotonic() + LET_GO_SECONDS)
        for member in self.members:
            member.close()
        self.members.clear()
        os.close(self._stop)
        return have_left

    def _have_left(self, deadline: float) -> bool:
        poller = select.poll()
        waiting = {}
        for member in self.members:
            poller.register(member.connection, select.POLLIN)
            waiting[member.connection.fileno()] = member
        while waiting:
            events = poller.poll(max(0.0, deadline - time.monotonic()) * 1000)
            if not events:
                logger.warning("not let go of in time: %s", ", ".join(map(str, waiting.values())))
                return False
            for descriptor, _ in events:
                # Words that nobody reads any more come before the end.
                if _is_at_end(waiting[descriptor].connection):
                    poller.unregister(descriptor)
                    del waiting[descriptor]
        return True

    def _watch(self, on_loss: Callable[[str], None]) -> None:
        poller = select.poll()
        poller.register(self._stop, select.POLLIN)
        owners = {}
        for member in self.members:
            for descriptor in (member.connection.fileno(), member.process):
                poller.register(descriptor, select.POLLIN)
                owners[descriptor] = member
        lost = [owners.get(descriptor) for descriptor, _ in poller.poll()]
        if None in lost:
            return  # Let go of.
        on_loss(self._last_word(lost[0]))

    def _first_word(self, member: Member) -> RankReady:
        try:
            word = receive_object(member.connection, LAST_WORD_SECONDS)
        except StreamEnded as error:
            raise WorkerError(f"{member} was lost while it loaded: {error}") from error
        if isinstance(word, RankFailed):
            raise WorkerError(f"{member} failed: {word.reason}")
        if not isinstance(word, RankReady):
            raise WorkerError(f"{member} says {type(word).__name__}")
        return word

    def _last_word(self, member: Member) -> str:
        """Why a worker has left, as far as it says."""
        if select.select([member.process], [], [], 0)[0]:
            return f"{member} died"
        try:
            word = receive_object(member.connection, LAST_WORD_SECONDS)
        except StreamEnded as error:
            return f"{member} left: {error}"
        return f"{member} failed: {word.reason}" if isinstance(word, RankFailed) else f"{member} left"


def _connect(rank: int, worker: GrantedWorker, grant: LeaseGrant) -> Member:
    name = f"worker {worker.process} (rank {rank}, pid {worker.pid})"
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(ATTACH_SECONDS)
    try:
        connection.connect(worker.socket)
        if (pid := peer_of(connection)) != worker.pid:
            raise WorkerError(f"{name}: process {pid} listens at {worker.socket}")
        answer = ask(connection, Attach(grant.engine, grant.generation, rank).to_json(), ATTACH_SECONDS)
        if answer != ATTACHED:
            raise WorkerError(f"{name} refused: {answer.get('reason', answer['type'])}")
        return Member(rank, worker, connection, os.pidfd_open(worker.pid))
    except (OSError, StreamEnded, FrameError) as error:
        connection.close()
        raise WorkerError(f"{name} cannot be reached: {error}") from error
    except WorkerError:
        connection.close()
        raise


def _half_close(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # The worker has closed it.


def _is_at_end(connection: socket.socket) -> bool:
    try:
        connection.setblocking(False)
        return not connection.recv(1 << 16)
    except BlockingIOError:
        return False
    except OSError:
        return True
