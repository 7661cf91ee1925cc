"""The messages of leases, beside the frames that both sides are tested with."""

from typing import Any

import pytest

from worker_controller_vllm.messages import (
    Assign,
    Fork,
    Generation,
    GrantedWorker,
    LeaseGrant,
    MessageError,
    Prepare,
    parse,
)

GENERATION = {"epoch": 4, "counter": 9}
WORKER = {"process": "p-5", "pid": 4711, "socket": "/run/w/p-5.sock", "device": "cpu:0", "cores": [0, 1]}
ENGINE = {"engine": "e-3", "generation": GENERATION}

FRAMES: list[dict[str, Any]] = [
    {
        "type": "lease.request",
        "id": 1,
        "deadline_ms": 300000,
        "world_size": 2,
        "model": "/srv/models/m",
        "device_type": "cpu",
        "footprint_bytes": 1 << 40,
        "versions": {"vllm": "0.32.0"},
    },
    {"type": "lease.grant", "re": 1, **ENGINE, "workers": [WORKER, {**WORKER, "process": "p-6", "cores": []}]},
    {"type": "lease.refused", "re": 1, "reason": "2 workers are asked for, and there can be 1"},
    {"type": "lease.release", "id": 2, **ENGINE},
    {"type": "lease.revoke", "id": 3, "deadline_ms": 5000, **ENGINE},
    {"type": "lease", "id": 4, "deadline_ms": 1000, **ENGINE, "executor_pid": 77, "cores": [1]},
    {"type": "reset", "id": 5, "deadline_ms": 10000, "generation": GENERATION},
    {"type": "park", "id": 6, "deadline_ms": 10000, **ENGINE},
    {"type": "unpark", "id": 7, "deadline_ms": 60000, **ENGINE},
]


@pytest.mark.parametrize("frame", FRAMES, ids=lambda frame: frame["type"])
def test_a_message_survives_decoding_and_encoding(frame: dict[str, Any]) -> None:
    assert parse(frame).to_json() == frame


def test_workers_of_a_grant_arrive_with_their_types() -> None:
    grant = parse(FRAMES[1])
    assert isinstance(grant, LeaseGrant)
    assert grant.generation == Generation(4, 9)
    assert grant.workers[0] == GrantedWorker("p-5", 4711, "/run/w/p-5.sock", "cpu:0", [0, 1])


@pytest.mark.parametrize(
    "workers", ["p-5", [7], [{**WORKER, "pid": "4711"}], [{**WORKER, "cores": None}], [{"process": "p-5"}]]
)
def test_workers_that_make_no_sense(workers: Any) -> None:
    with pytest.raises(MessageError, match="'workers' of lease.grant is not list"):
        parse({**FRAMES[1], "workers": workers})


def test_what_says_nothing_of_an_executor_is_in_process() -> None:
    shared = {"id": 1, "names": ["m"], "path": "/m", "arguments": {}, "environment": {}, "device": "cpu:0", "cores": []}
    assign = {**shared, **ENGINE, "socket": "/s", "input_socket": "/i", "output_socket": "/o", "peer_pid": 7}
    for kind, frame in ((Assign, {"type": "assign", "world_size": 2, **assign}), (Prepare, prepare(shared))):
        message = parse(frame)
        assert isinstance(message, kind) and not message.is_remote
        assert message.to_json() == frame
        named = parse({**frame, "executor": "remote", "world_size": 2})
        assert isinstance(named, Assign | Prepare) and named.is_remote and named.world_size == 2


def prepare(shared: dict[str, Any]) -> dict[str, Any]:
    return {"type": "prepare", "model": "m", "weights": False, **shared}


def test_a_fork_names_a_workers_socket() -> None:
    frame = {
        "type": "fork",
        "id": 3,
        "process": "p-5",
        "role": "worker",
        "device": "cpu:0",
        "cores": [],
        "log": "/l",
        "temporary_directory": "/t",
        "socket": "/run/w/p-5.sock",
    }
    message = parse(frame)
    assert isinstance(message, Fork) and message.to_json() == frame
    assert parse({**frame, "socket": None}).to_json() == {name: frame[name] for name in frame if name != "socket"}
