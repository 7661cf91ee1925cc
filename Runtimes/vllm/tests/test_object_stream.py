"""Objects over a connection, and what cuts them short."""

import socket
import struct
from collections.abc import Iterator

import pytest

from worker_controller_vllm.object_stream import MAX_OBJECT_BYTES, StreamEnded, receive_object, send_object


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ends = socket.socketpair()
    yield ends
    for end in ends:
        end.close()


def test_objects_arrive_one_by_one(pair: tuple[socket.socket, socket.socket]) -> None:
    for value in ({"a": 1}, None, b"x" * 100_000):
        send_object(pair[0], value, 5)
    assert [receive_object(pair[1], 5) for _ in range(3)] == [{"a": 1}, None, b"x" * 100_000]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (struct.pack(">Q", MAX_OBJECT_BYTES + 1), "an object of"),
        (struct.pack(">Q", 4) + b"junk", "an object that cannot be read"),
        (struct.pack(">Q", 9) + b"ju", "it closed the connection"),
        (b"", "it closed the connection"),
    ],
)
def test_what_is_no_object(pair: tuple[socket.socket, socket.socket], data: bytes, reason: str) -> None:
    pair[0].sendall(data)
    pair[0].shutdown(socket.SHUT_WR)
    with pytest.raises(StreamEnded, match=reason):
        receive_object(pair[1], 5)


def test_nobody_waits_for_ever(pair: tuple[socket.socket, socket.socket]) -> None:
    with pytest.raises(StreamEnded, match="nothing came in time"):
        receive_object(pair[1], 0.05)
    with pytest.raises(StreamEnded, match="nothing can be written"):
        send_object(pair[0], b"x" * 50_000_000, 0.05)
