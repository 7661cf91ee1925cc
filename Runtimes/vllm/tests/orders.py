"""Messages that give a process its model, for tests that need one and care for some of its fields."""

from typing import Any

from worker_controller_vllm.messages import Assign, Generation, Prepare

_MODEL: dict[str, Any] = {
    "id": 1,
    "names": ["m"],
    "path": "/m",
    "arguments": {},
    "environment": {},
    "device": "cpu:0",
    "cores": [],
}


def assignment(**changes: Any) -> Assign:
    fields: dict[str, Any] = {
        "engine": "e-3",
        "generation": Generation(4, 9),
        "socket": "/run/f/e-3.sock",
        "input_socket": "/x/in",
        "output_socket": "/x/out",
        "world_size": 1,
        "peer_pid": 1,
    }
    return Assign(**{**_MODEL, **fields, **changes})


def preparation(**changes: Any) -> Prepare:
    return Prepare(**{**_MODEL, "model": "m", "weights": False, **changes})
