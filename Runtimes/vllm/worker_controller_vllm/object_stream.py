"""Pickled objects over a connection whose both ends are known to be ours: a length of eight bytes, then the object.

Never read from anybody whose process id was not checked: reading a pickled object runs what its writer wants.
"""

import pickle
import socket
import struct
import time
from multiprocessing.reduction import ForkingPickler
from typing import Any

MAX_OBJECT_BYTES = 256 << 20
"""Far beyond any configuration; keeps a confused peer from making us wait for what never comes."""

_LENGTH = struct.Struct(">Q")


class StreamEnded(Exception):
    """The other side has gone, or says nothing that can be understood."""


def pickled(value: Any) -> bytes:
    """`value` as bytes, as multiprocessing would give it to a process that it spawns."""
    return bytes(ForkingPickler.dumps(value))


def send_object(connection: socket.socket, value: Any, seconds: float) -> None:
    """Writes an object within so many seconds."""
    data = pickled(value)
    connection.settimeout(seconds)
    try:
        connection.sendall(_LENGTH.pack(len(data)) + data)
    except OSError as error:
        raise StreamEnded(f"nothing can be written ({error})") from error


def receive_object(connection: socket.socket, seconds: float) -> Any:
    """Reads one object, which must be there within so many seconds."""
    deadline = time.monotonic() + seconds
    (length,) = _LENGTH.unpack(receive_exactly(connection, _LENGTH.size, deadline))
    if length > MAX_OBJECT_BYTES:
        raise StreamEnded(f"an object of {length} bytes")
    data = receive_exactly(connection, length, deadline)
    try:
        return pickle.loads(data)
    except Exception as error:
        raise StreamEnded(f"an object that cannot be read ({type(error).__name__}: {error})") from error


def receive_exactly(connection: socket.socket, count: int, deadline: float) -> bytearray:
    """Reads so many bytes and none more."""
    data = bytearray(count)
    view = memoryview(data)
    while view:
        left = deadline - time.monotonic()
        if left <= 0:
            raise StreamEnded("nothing came in time")
        connection.settimeout(left)
        try:
            received = connection.recv_into(view)
        except OSError as error:
            raise StreamEnded("nothing came in time" if isinstance(error, TimeoutError) else str(error)) from error
        if received == 0:
            raise StreamEnded("it closed the connection")
        view = view[received:]
    return data
