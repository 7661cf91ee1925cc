"""How an executor and a worker begin: one frame each way, before anything else is read (docs/protocol.md)."""

import os
import socket
import struct
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from worker_controller_vllm.frames import MAX_FRAME_BYTES, FrameDecoder, FrameError, encode_frame
from worker_controller_vllm.messages import Generation
from worker_controller_vllm.object_stream import StreamEnded, receive_exactly

_LENGTH_BYTES = 4


@dataclass(frozen=True)
class Attach:
    """What an executor says first to each of its workers."""

    engine: str
    generation: Generation
    rank: int

    def to_json(self) -> dict[str, Any]:
        return {"type": "attach", **asdict(self)}

    @classmethod
    def parse(cls, frame: dict[str, Any]) -> "Attach":
        """Raises `FrameError` where the frame is another one, or makes no sense."""
        if frame["type"] != "attach":
            raise FrameError(f"'{frame['type']}' instead of 'attach'")
        engine, generation = frame.get("engine"), frame.get("generation")
        places = generation if isinstance(generation, dict) else {}
        numbers = [places.get("epoch"), places.get("counter"), frame.get("rank")]
        if not isinstance(engine, str) or not all(type(number) is int for number in numbers):
            raise FrameError("attach without engine, generation and rank")
        epoch, counter, rank = numbers
        return cls(engine, Generation(epoch, counter), rank)


ATTACHED = {"type": "attached"}


def refused(reason: str) -> dict[str, Any]:
    """The answer to a visitor that is not wanted."""
    return {"type": "refused", "reason": reason}


def peer_of(connection: socket.socket) -> int:
    """The process at the other end. Raises `PermissionError` if it is another user's, or in another pid namespace."""
    size = struct.calcsize("3i")
    pid, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    if uid != os.geteuid():
        raise PermissionError(f"a process of user {uid}, not of {os.geteuid()}")
    if pid == 0:
        raise PermissionError("a process of another pid namespace")
    return pid


def send_frame(connection: socket.socket, frame: dict[str, Any], seconds: float) -> None:
    """Writes one JSON frame within so many seconds."""
    connection.settimeout(seconds)
    try:
        connection.sendall(encode_frame(frame))
    except OSError as error:
        raise StreamEnded(str(error)) from error


def ask(connection: socket.socket, frame: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Sends a frame and reads the answer, each within so many seconds. Raises `StreamEnded` where there is none."""
    # Whoever refuses does not listen first: its answer may be there, and its end closed, before this is sent.
    with suppress(StreamEnded):
        send_frame(connection, frame, seconds)
    return receive_frame(connection, seconds)


def receive_frame(connection: socket.socket, seconds: float) -> dict[str, Any]:
    """Reads one JSON frame, and not a byte of what follows it."""
    deadline = time.monotonic() + seconds
    header = bytes(receive_exactly(connection, _LENGTH_BYTES, deadline))
    decoder = FrameDecoder()
    for _ in decoder.feed(header):  # Judges the length; there is no frame yet.
        pass
    length = min(int.from_bytes(header, "big"), MAX_FRAME_BYTES)
    return next(decoder.feed(bytes(receive_exactly(connection, length, deadline))))
