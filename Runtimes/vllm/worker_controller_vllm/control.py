"""A process's control connection: dials the controller, says hello, carries messages, dials again when it ends.

`ControlLoop.run` is a select loop on one thread. The zygote runs it on its only thread; an engine's process on a thread
of its own, so that it answers while a model loads.
"""

import os
import selectors
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from worker_controller_vllm.frames import FrameDecoder, FrameError, encode_frame
from worker_controller_vllm.messages import (
    PROTOCOL_VERSION,
    Error,
    Failed,
    Hello,
    Message,
    MessageError,
    Refused,
    Welcome,
    parse,
)
from worker_controller_vllm.process_log import logger

REDIAL_SECONDS = 0.25
WELCOME_SECONDS = 5.0
"""A controller that takes the connection and does not answer `hello` within this time is as good as none."""

LAST_WRITE_SECONDS = 1.0
"""How long an ending process still tries to get its last frames out."""

MAX_UNSENT_EVENTS = 1024
"""Events kept while no controller is there. The oldest are dropped: pidfds tell a controller of deaths anyway."""

MAX_UNSENT_ANSWERS = 256
"""Answers waiting for a peer that asks and does not read; beyond this the connection is ended."""

REFUSABLE = frozenset(
    {"fork", "prepare", "assign", "sleep", "wake", "park", "unpark", "lease", "reset", "lease.revoke"}
)
"""Requests that are answered with `failed` when they make no sense."""

EXIT_STOPPED = 0
EXIT_FAILED = 1
EXIT_ORPHANED = 3
EXIT_REFUSED = 4
EXIT_ALONE = 5


@dataclass(frozen=True)
class Identity:
    """Who this process is to its controller; everything that it needs to dial."""

    control: str
    process: str
    runtime: str
    epoch: int
    orphan_timeout_seconds: float

    def hello(self, request: int, role: str, state: str, **details: Any) -> Hello:
        """What this process says of itself first, with what only its role knows."""
        return Hello(
            id=request,
            protocol=PROTOCOL_VERSION,
            epoch=self.epoch,
            process=self.process,
            role=role,
            pid=os.getpid(),
            runtime=self.runtime,
            state=state,
            **details,
        )


@dataclass
class _Outgoing:
    data: bytes
    event: bool


class ControlLoop:
    """The control connection and the loop that drives it.

    `hello` makes the present `hello` for a given request id. `handle` gets each message; it answers with `send`.
    `on_error` gets what the controller did not understand, for those who ask something and wait.
    Messages without `re` are *events*: they wait while no controller is there. Answers belong to their connection.
    """

    def __init__(
        self,
        identity: Identity,
        hello: Callable[[int], Hello],
        handle: Callable[[Message], None],
        on_error: Callable[[Error], None] | None = None,
    ) -> None:
        self._identity = identity
        self._hello = hello
        self._handle = handle
        self._on_error = on_error
        self._orphan_timeout = identity.orphan_timeout_seconds
        self._alone_since = time.monotonic()
        self._next_dial = 0.0
        self._welcome_by = 0.0
        self._hellos = 0
        self.refusal: str | None = None
        """Why the controller refused this process, once it has."""
        self._socket: socket.socket | None = None
        self._welcomed = False
        self._decoder = FrameDecoder()
        self._partial: _Outgoing | None = None
        self._written = 0
        self._queue: deque[_Outgoing] = deque()
        self._lock = threading.Lock()
        self._overflowed = False
        self._ending: int | None = None
        self._end_by = 0.0
        self._selector = selectors.DefaultSelector()
        self._wake_reader, self._wake_writer = socket.socketpair()
        for end in (self._wake_reader, self._wake_writer):
            end.setblocking(False)
        self.watch(self._wake_reader.fileno(), self._drain_wake)

    @property
    def wakeup_fd(self) -> int:
        """For `signal.set_wakeup_fd`: a signal then ends the wait, and `on_wake` of `run` is called."""
        return self._wake_writer.fileno()

    def controller_pid(self) -> int | None:
        """Who is at the other end of the control socket; None while nobody is."""
        if self._socket is None:
            return None
        credentials = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return struct.unpack("3i", credentials)[0]

    def watch(self, fd: int, callback: Callable[[], None]) -> None:
        """Calls `callback` on the loop's thread whenever `fd` is readable. From any thread."""
        self._selector.register(fd, selectors.EVENT_READ, callback)
        self.wake()

    def wake(self) -> None:
        """Ends the present wait. From any thread."""
        try:
            self._wake_writer.send(b"w")
        except BlockingIOError:
            pass  # Unread wake-ups are there already.

    def send(self, message: Message) -> None:
        """Sends a message, or keeps it (an event) until a controller is there. From any thread."""
        outgoing = _Outgoing(encode_frame(message.to_json()), event=not hasattr(message, "re"))
        with self._lock:
            if not outgoing.event and not self._welcomed:
                return
            self._queue.append(outgoing)
            self._bound_queue()
        self.wake()

    def finish(self, status: int) -> None:
        """Ends `run` with `status` once what was sent is written (or cannot be, within a second). From any thread."""
        with self._lock:
            if self._ending is None:
                self._ending = status
                self._end_by = time.monotonic() + LAST_WRITE_SECONDS
        self.wake()

    def run(self, on_wake: Callable[[], None] | None = None) -> int:
        """Serves the connection until `finish`, a refusal or the orphan time-out; returns the exit status."""
        while True:
            now = time.monotonic()
            if on_wake is not None:
                on_wake()
            if (status := self._end_status(now)) is not None:
                return status
            if self._socket is None and now >= self._next_dial:
                self._dial(now)
            elif self._socket is not None and not self._welcomed and now >= self._welcome_by:
                self._disconnect(f"no answer to hello within {WELCOME_SECONDS:g} s")
            self._write()
            if self._overflowed:
                self._disconnect(f"more than {MAX_UNSENT_ANSWERS} unread answers")
            for key, _ in self._selector.select(self._wait_seconds(time.monotonic())):
                key.data()

    def close(self) -> None:
        """Lets go of all descriptors, when `run` has ended; in a forked child, its parent's connection lives on."""
        self._selector.close()
        self._wake_reader.close()
        self._wake_writer.close()
        if self._socket is not None:
            self._socket.close()

    def _end_status(self, now: float) -> int | None:
        with self._lock:
            pending = self._partial is not None or (self._welcomed and bool(self._queue))
            if self._ending is not None and (not pending or now >= self._end_by):
                return self._ending
        if not self._welcomed and now >= self._alone_since + self._orphan_timeout:
            logger.warning("no controller for %.1f s: ending", self._orphan_timeout)
            return EXIT_ORPHANED
        return None

    def _wait_seconds(self, now: float) -> float | None:
        deadlines = []
        if self._ending is not None:
            deadlines.append(self._end_by)
        if not self._welcomed:
            deadlines.append(self._alone_since + self._orphan_timeout)
            deadlines.append(self._next_dial if self._socket is None else self._welcome_by)
        return max(0.0, min(deadlines) - now) if deadlines else None

    def _dial(self, now: float) -> None:
        self._next_dial = now + REDIAL_SECONDS
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.setblocking(False)
        try:
            # A Unix socket connects at once or not at all (EAGAIN: the controller's backlog is full).
            connection.connect(self._identity.control)
        except OSError:
            connection.close()
            return
        self._hellos += 1
        self._socket = connection
        self._welcome_by = now + WELCOME_SECONDS
        self._decoder = FrameDecoder()
        self._partial = _Outgoing(encode_frame(self._hello(self._hellos).to_json()), event=False)
        self._written = 0
        self._selector.register(connection, selectors.EVENT_READ, self._on_ready)

    def _disconnect(self, why: str) -> None:
        if self._socket is None:
            return
        logger.warning("control connection ended: %s", why)
        self._selector.unregister(self._socket)
        self._socket.close()
        self._socket = None
        with self._lock:
            if self._welcomed:
                self._alone_since = time.monotonic()
            self._welcomed = False
            self._overflowed = False
            # An event that was cut in the middle is told to the next controller in full; answers die with their asker.
            if self._partial is not None and self._partial.event:
                self._queue.appendleft(self._partial)
            self._partial = None
            self._queue = deque(outgoing for outgoing in self._queue if outgoing.event)
        self._next_dial = time.monotonic() + REDIAL_SECONDS

    def _on_ready(self) -> None:
        self._write()
        if self._socket is None:
            return
        try:
            data = self._socket.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError as error:
            return self._disconnect(str(error))
        if not data:
            return self._disconnect("closed by the controller")
        try:
            for frame in self._decoder.feed(data):
                self._dispatch(frame)
                if self._socket is None:
                    return
        except FrameError as error:
            self._disconnect(f"bad frame: {error}")

    def _dispatch(self, frame: dict) -> None:
        try:
            message = parse(frame)
        except MessageError as error:
            logger.warning("a message was not understood: %s", error.reason)
            # A request that makes no sense fails; a frame of no known type is an error (docs/protocol.md).
            if error.known_type in REFUSABLE and error.request is not None:
                return self.send(Failed(re=error.request, reason=error.reason))
            return self.send(Error(re=error.request, reason=error.reason))
        if isinstance(message, Welcome):
            with self._lock:
                self._welcomed = True
            self._orphan_timeout = message.orphan_timeout_ms / 1000
        elif isinstance(message, Refused):
            logger.error("refused by the controller: %s", message.reason)
            self.refusal = message.reason
            self.finish(EXIT_REFUSED)
        elif isinstance(message, Error):
            logger.warning("the controller did not understand: %s", message.reason)
            if self._on_error is not None:
                self._on_error(message)
        else:
            self._handle(message)

    def _write(self) -> None:
        """Writes what can be written, and watches for writability only while something is left."""
        while self._socket is not None:
            with self._lock:
                if self._partial is None and self._welcomed and self._queue:
                    self._partial, self._written = self._queue.popleft(), 0
                partial = self._partial
            if partial is None:
                break
            try:
                self._written += self._socket.send(memoryview(partial.data)[self._written :])
            except BlockingIOError:
                self._selector.modify(self._socket, selectors.EVENT_READ | selectors.EVENT_WRITE, self._on_ready)
                return
            except OSError as error:
                return self._disconnect(str(error))
            if self._written == len(partial.data):
                with self._lock:
                    self._partial = None
        if self._socket is not None:
            self._selector.modify(self._socket, selectors.EVENT_READ, self._on_ready)

    def _bound_queue(self) -> None:
        """Keeps the queue finite; called with the lock held."""
        events = sum(outgoing.event for outgoing in self._queue)
        if events > MAX_UNSENT_EVENTS:
            logger.warning("more than %d unsent events: the oldest is dropped", MAX_UNSENT_EVENTS)
            self._queue.remove(next(outgoing for outgoing in self._queue if outgoing.event))
        if len(self._queue) - events > MAX_UNSENT_ANSWERS:
            self._overflowed = True  # Only the loop's own thread may disconnect.

    def _drain_wake(self) -> None:
        try:
            while self._wake_reader.recv(4096):
                pass
        except BlockingIOError:
            pass
