"""The controller's side of the control protocol, as small as tests need it: one thread, driven by its waits."""

import os
import selectors
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from worker_controller_vllm.frames import FrameDecoder, encode_frame


class Peer:
    """One connection of a process."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.decoder = FrameDecoder()
        self.hello: dict[str, Any] = {}
        self.received: list[dict[str, Any]] = []
        self.closed = False
        self._requests = 0

    def send(self, message: dict[str, Any]) -> None:
        self.connection.sendall(encode_frame(message))

    def request(self, kind: str, **fields: Any) -> int:
        """Sends a request and returns its id."""
        self._requests += 1
        self.send({"type": kind, "id": self._requests, "deadline_ms": 60_000, **fields})
        return self._requests

    def answer_to(self, request: int) -> dict[str, Any] | None:
        return next((message for message in self.received if message.get("re") == request), None)

    def answer(self, kind: str, request: dict[str, Any], **fields: Any) -> None:
        """Answers a request of this peer's."""
        self.send({"type": kind, "re": request["id"], **fields})

    def events(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.received if message["type"] == kind]


class FakeController:
    """Listens, welcomes (or refuses) who dials, and remembers what they say."""

    def __init__(self, path: Path, orphan_timeout_ms: int = 300_000) -> None:
        self.path = path
        self.orphan_timeout_ms = orphan_timeout_ms
        self.refusal: str | None = None
        self.peers: list[Peer] = []
        self._selector = selectors.DefaultSelector()
        self._listener: socket.socket | None = None
        self.listen()

    def listen(self) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen(64)
        self._selector.register(self._listener, selectors.EVENT_READ, None)

    def hang_up(self) -> None:
        """Closes the listener and every connection, as a controller that dies."""
        assert self._listener is not None
        self._selector.unregister(self._listener)
        self._listener.close()
        self._listener = None
        os.unlink(self.path)
        for peer in self.peers:
            self._close(peer)

    def close(self) -> None:
        if self._listener is not None:
            self.hang_up()
        self._selector.close()

    def wait(self, what: str, predicate: Callable[[], Any], seconds: float = 30) -> Any:
        """Serves until `predicate` gives something true, which is returned."""
        deadline = time.monotonic() + seconds
        while not (value := predicate()):
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"{what}: not within {seconds} s; received: {self._all_received()}")
            # Short enough to see conditions that are no event of ours, such as a file or the end of a process.
            self._serve(min(left, 0.02))
        return value

    def wait_for_executor(self, pid: int, seconds: float = 30) -> Peer:
        """The live connection of a process's executor, once it has said hello."""

        def said_hello() -> Peer | None:
            wanted = ("executor", pid)
            found = (peer for peer in self.peers if (peer.hello.get("role"), peer.hello.get("pid")) == wanted)
            return next((peer for peer in found if not peer.closed), None)

        return self.wait(f"hello of an executor in {pid}", said_hello, seconds)

    def wait_for_hello(self, process: str, seconds: float = 30) -> Peer:
        """The live connection of a process, once it has said hello."""

        def said_hello() -> Peer | None:
            found = (peer for peer in self.peers if peer.hello.get("process") == process and not peer.closed)
            return next(found, None)

        return self.wait(f"hello of {process}", said_hello, seconds)

    def ask(self, peer: Peer, kind: str, seconds: float = 30, **fields: Any) -> dict[str, Any]:
        """Sends a request and waits for its answer."""
        request = peer.request(kind, **fields)
        return self.wait(f"answer to {kind}", lambda: peer.answer_to(request), seconds)

    def _serve(self, seconds: float) -> None:
        for key, _ in self._selector.select(seconds):
            if key.data is None:
                assert self._listener is not None
                connection, _ = self._listener.accept()
                peer = Peer(connection)
                self.peers.append(peer)
                self._selector.register(connection, selectors.EVENT_READ, peer)
            else:
                self._read(key.data)

    def _read(self, peer: Peer) -> None:
        try:
            data = peer.connection.recv(1 << 16)
        except ConnectionResetError:
            data = b""
        if not data:
            return self._close(peer)
        for message in peer.decoder.feed(data):
            if message["type"] == "hello":
                peer.hello = message
                self._answer_hello(peer, message["id"])
            else:
                peer.received.append(message)

    def _answer_hello(self, peer: Peer, request: int) -> None:
        if self.refusal is not None:
            return peer.send({"type": "refused", "re": request, "reason": self.refusal})
        peer.send({"type": "welcome", "re": request, "epoch": 4, "orphan_timeout_ms": self.orphan_timeout_ms})

    def _close(self, peer: Peer) -> None:
        if not peer.closed:
            peer.closed = True
            self._selector.unregister(peer.connection)
            peer.connection.close()

    def _all_received(self) -> dict[str, list[dict[str, Any]]]:
        return {peer.hello.get("process", "?"): peer.received[-5:] for peer in self.peers}
