"""A worker's connection to the executor that it works for. Its end is the end of that work, from either side."""

import select
import socket
import threading
from collections.abc import Callable
from typing import Any

from worker_controller_vllm.object_stream import receive_object, send_object

LET_GO_SECONDS = 2.0
"""How long a worker whose executor has gone may go on computing. What cannot be interrupted is ended with its process:
a load, or a collective operation whose other ranks are gone."""

ORDER_SECONDS = 30.0
"""How long an executor that came in may take to say what it wants."""

TELL_SECONDS = 30.0


class ExecutorLink:
    """The connection, watched on a thread of its own from `watch` to `close`."""

    def __init__(self, connection: socket.socket, on_stuck: Callable[[], None]) -> None:
        """`on_stuck` ends the process: its main thread has not left the work in `LET_GO_SECONDS`."""
        self._connection = connection
        self._on_stuck = on_stuck
        self._cancel: Callable[[], None] | None = None
        self._is_over = False
        self._left_work = threading.Event()
        self._lock = threading.Lock()
        self._watcher: threading.Thread | None = None

    def is_over(self) -> bool:
        """Whether the executor has gone, or was told to."""
        return self._is_over

    def receive_order(self) -> Any:
        """What the executor wants of this worker. Before `watch`."""
        return receive_object(self._connection, ORDER_SECONDS)

    def watch(self) -> None:
        """From now on the executor says nothing here: whatever comes is its end."""
        self._watcher = threading.Thread(target=self._watch, name="executor-link", daemon=True)
        self._watcher.start()

    def cancel_with(self, cancel: Callable[[], None]) -> None:
        """Names what interrupts the work when the executor goes; called at once if it has gone."""
        with self._lock:
            self._cancel = cancel
            if not self._is_over:
                return
        cancel()

    def tell(self, value: Any) -> None:
        """Says something to the executor."""
        send_object(self._connection, value, TELL_SECONDS)

    def hang_up(self) -> None:
        """Ends the connection for both sides; from any thread."""
        try:
            self._connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # It has ended already.

    def close(self) -> None:
        """The main thread has left the work: the executor is let go, and the watching ends."""
        self._left_work.set()
        self.hang_up()
        if self._watcher is not None:
            self._watcher.join()
        with self._lock:
            self._cancel = None
        self._connection.close()

    def _watch(self) -> None:
        poller = select.poll()
        poller.register(self._connection, select.POLLIN)
        poller.poll()
        with self._lock:
            self._is_over = True
            cancel = self._cancel
        if cancel is not None and not self._left_work.is_set():
            cancel()
        if not self._left_work.wait(LET_GO_SECONDS):
            self._on_stuck()
