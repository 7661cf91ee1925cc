"""What the tests of leased workers with vLLM itself ask, and wait for."""

import os
import time
from pathlib import Path

from lease_desk import Held, LeaseDesk
from real_runtime import ARGUMENTS, Engine, post

MIB = 1 << 20
TOKENS = 24
PROMPTS = ["The capital of France is", "One, two, three,", "def add(a, b):", "Once upon a time there was"]
EXACT = {**ARGUMENTS, "dtype": "float32", "kv-cache-memory-bytes": 64 * MIB, "max-model-len": 512}
"""In this precision the sum over two ranks rarely decides between two tokens."""


def answers_of(engine: Engine) -> list[list[int]]:
    options = {"max_tokens": TOKENS, "ignore_eos": True, "return_token_ids": True}
    return [post(engine, "/v1/completions", prompt=prompt, **options)["choices"][0]["token_ids"] for prompt in PROMPTS]


def shared_memory() -> set[str]:
    return set(os.listdir("/dev/shm"))


def wait_until_left(desk: LeaseDesk, held: Held, seconds: float = 10) -> float:
    """Until every worker of a lease holds nothing of it; how long it took."""
    begin = time.monotonic()
    sockets = {str(desk.runtime.worker_socket(member.process)) for member in held.workers}

    def have_left() -> bool:
        return all(
            not Path(f"/proc/{member.pid}").exists()
            or desk.runtime.controller.ask(member.peer, "ping")["cache_bytes"] == 0
            for member in held.workers
        )

    assert sockets
    desk.wait("workers left", have_left, seconds)
    return time.monotonic() - begin
