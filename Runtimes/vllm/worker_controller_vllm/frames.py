"""Framing of the control protocol: a 4-byte big-endian length, then one JSON object (docs/protocol.md, "Transport")."""

import json
import struct
from collections.abc import Iterator
from typing import Any, NoReturn

MAX_FRAME_BYTES = 1 << 20
"""The longest JSON text of one frame. Both sides refuse more, so a confused peer cannot make the other buffer it."""

_LENGTH = struct.Struct(">I")


class FrameError(Exception):
    """A frame that cannot be a message. It ends the connection: what follows it cannot be trusted to be a frame."""


def encode_frame(message: dict[str, Any]) -> bytes:
    """The bytes that carry `message`."""
    text = json.dumps(message, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    body = text.encode(errors="replace")  # Lone surrogates, as of a path that is no UTF-8, are not worth a connection.
    if len(body) > MAX_FRAME_BYTES:
        raise FrameError("too long")
    return _LENGTH.pack(len(body)) + body


class FrameDecoder:
    """Turns a stream of bytes, cut anywhere, into JSON objects that have a `type`."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[dict[str, Any]]:
        """Takes the next bytes; yields every object that they complete. Raises `FrameError` at the first bad frame."""
        self._buffer += data
        while len(self._buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer)
            # Judged by its length alone, before its body arrives: a bad frame must not make us wait or buffer.
            if length == 0:
                raise FrameError("empty")
            if length > MAX_FRAME_BYTES:
                raise FrameError("too long")
            end = _LENGTH.size + length
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[_LENGTH.size : end])
            del self._buffer[:end]
            yield _parse(body)


def _parse(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise FrameError("not JSON") from error
    if not isinstance(value, dict):
        raise FrameError("not an object")
    if not isinstance(value.get("type"), str):
        raise FrameError("no type")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
