"""A worker's own socket, and who may come in."""

import os
import select
import socket
from collections.abc import Callable

from worker_controller_vllm.attachment import ATTACHED, Attach, peer_of, receive_frame, refused, send_frame
from worker_controller_vllm.frames import FrameError
from worker_controller_vllm.messages import Lease
from worker_controller_vllm.object_stream import StreamEnded
from worker_controller_vllm.process_log import logger
from worker_controller_vllm.tenancy import Refusal

BACKLOG = 8
GREETING_SECONDS = 5.0
"""How long the process that is expected may take for its first frame; others are not listened to at all."""


def listen(path: str, backlog: int) -> socket.socket:
    """A Unix socket for this user only."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(path)
    finally:
        os.umask(before)
    listener.listen(backlog)
    return listener


class Door:
    """Lets in the one executor that the worker is leased to."""

    def __init__(
        self, path: str, expects: Callable[[int], None], admit: Callable[[int, Attach, socket.socket], Lease]
    ) -> None:
        """`expects` and `admit` raise `Refusal` for a visitor that is not wanted."""
        self._listener = listen(path, BACKLOG)
        self._expects = expects
        self._admit = admit

    def wait_for_executor(self) -> tuple[socket.socket, Lease]:
        """Blocks until the executor has come; all others are told why not."""
        while True:
            connection, _ = self._listener.accept()
            lease = self._greet(connection)
            if lease is not None:
                return connection, lease
            connection.close()

    def is_knocked_at(self, within: float = 0) -> bool:
        """Whether somebody waits to be let in, now or before so many seconds have passed."""
        poller = select.poll()
        poller.register(self._listener, select.POLLIN)
        return bool(poller.poll(within * 1000))

    def _greet(self, connection: socket.socket) -> Lease | None:
        lease = None
        try:
            try:
                pid = peer_of(connection)
                self._expects(pid)
                attach = Attach.parse(receive_frame(connection, GREETING_SECONDS))
                lease = self._admit(pid, attach, connection)
                answer = ATTACHED
            except (PermissionError, Refusal) as error:
                answer = refused(str(error))
            except FrameError as error:
                answer = refused(f"bad frame: {error}")
            if lease is None:
                logger.warning("a visitor is not let in: %s", answer["reason"])
            send_frame(connection, answer, GREETING_SECONDS)
        except StreamEnded as error:
            logger.warning("a visitor left: %s", error)
        return lease
