"""The recorded frames that the Swift side is tested with too, and frames cut into pieces."""

import json

import pytest
from conftest import FRAMES

from worker_controller_vllm.frames import MAX_FRAME_BYTES, FrameDecoder, FrameError, encode_frame
from worker_controller_vllm.messages import Assign, Generation, Hello, MessageError, parse

RECORDED = json.loads(FRAMES.read_text())


@pytest.mark.parametrize("record", RECORDED["messages"], ids=lambda record: record["name"])
def test_recorded_message_survives_decoding_and_encoding(record: dict) -> None:
    (frame,) = FrameDecoder().feed(encode_frame(record["message"]))
    assert parse(frame).to_json() == record["message"]


@pytest.mark.parametrize("record", RECORDED["bad_frames"], ids=lambda record: record["name"])
def test_recorded_bad_frame_gives_its_error(record: dict) -> None:
    with pytest.raises(FrameError) as caught:
        list(FrameDecoder().feed(bytes.fromhex(record["frame_hex"])))
    assert str(caught.value) == record["error"]


def test_every_message_type_is_recorded() -> None:
    from worker_controller_vllm.messages import Message

    recorded = {record["message"]["type"] for record in RECORDED["messages"]}
    assert {kind.TYPE for kind in Message.__subclasses__()} == recorded


def test_frames_may_arrive_byte_by_byte() -> None:
    messages = [record["message"] for record in RECORDED["messages"]]
    decoder = FrameDecoder()
    received = []
    for byte in b"".join(map(encode_frame, messages)):
        received += decoder.feed(bytes([byte]))
    assert received == messages


def test_several_frames_may_arrive_at_once_before_a_bad_one() -> None:
    decoder = FrameDecoder()
    feed = decoder.feed(encode_frame({"type": "a"}) + encode_frame({"type": "b"}) + b"\0\0\0\0")
    assert [next(feed)["type"], next(feed)["type"]] == ["a", "b"]
    with pytest.raises(FrameError, match="empty"):
        next(feed)


def test_a_frame_of_the_greatest_length_passes_and_one_byte_more_does_not() -> None:
    overhead = len(json.dumps({"type": "x", "text": ""}, separators=(",", ":")))
    longest = {"type": "x", "text": "a" * (MAX_FRAME_BYTES - overhead)}
    assert list(FrameDecoder().feed(encode_frame(longest))) == [longest]
    with pytest.raises(FrameError, match="too long"):
        encode_frame({"type": "x", "text": "a" * (MAX_FRAME_BYTES - overhead + 1)})


def test_a_lone_surrogate_does_not_keep_a_frame_from_being_sent() -> None:
    (frame,) = FrameDecoder().feed(encode_frame({"type": "x", "text": "a\udcffb"}))
    assert frame["text"] == "a?b"


@pytest.mark.parametrize("body", [b"\xff\xfe\xfd", b'{"type":NaN}', b"[" * 100_000])
def test_text_that_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(FrameError, match="not JSON"):
        list(FrameDecoder().feed(len(body).to_bytes(4, "big") + body))


def test_a_type_that_is_no_string_is_no_type() -> None:
    with pytest.raises(FrameError, match="no type"):
        list(FrameDecoder().feed(encode_frame({"type": 3})))


def assign_frame() -> dict:
    return next(dict(r["message"]) for r in RECORDED["messages"] if r["name"] == "assign")


def test_fields_arrive_with_their_types() -> None:
    message = parse(assign_frame())
    assert isinstance(message, Assign)
    assert message.generation == Generation(epoch=4, counter=9)
    assert message.arguments["hf-overrides"] == {"a": [1, 2]}


def test_unknown_fields_and_null_are_ignored() -> None:
    hello = RECORDED["messages"][1]["message"]
    message = parse({**hello, "colour": "red", "engine": None})
    assert isinstance(message, Hello)
    assert message.to_json() == hello


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("names", "smollm2", "'names' of assign is not list"),
        ("cores", [0, True], "'cores' of assign is not list"),
        ("peer_pid", True, "'peer_pid' of assign is not int"),
        ("generation", {"epoch": 4}, "'generation' of assign is not Generation"),
        ("environment", {"A": 1}, "'environment' of assign is not dict"),
        ("path", None, "assign without 'path'"),
    ],
)
def test_a_field_that_makes_no_sense_is_named(field: str, value: object, reason: str) -> None:
    with pytest.raises(MessageError) as caught:
        parse({**assign_frame(), field: value})
    assert caught.value.reason.startswith(reason)
    assert (caught.value.request, caught.value.known_type) == (5, "assign")


def test_an_unknown_type_is_named_with_its_request() -> None:
    with pytest.raises(MessageError) as caught:
        parse({"type": "frobnicate", "id": 11})
    assert (caught.value.reason, caught.value.request) == ("unknown type 'frobnicate'", 11)
