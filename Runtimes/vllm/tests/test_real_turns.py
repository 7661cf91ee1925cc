"""Two engines of vLLM on the same processors."""

import os
import signal
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from conftest import MODEL
from real_runtime import Engine, RealRuntime, post, stream

pytestmark = pytest.mark.real

ROUNDS = 3
TOKENS = 32
MOST_TIMES_AS_LONG = 4
"""Half of the processors for each makes 2; without turns, 5 to 8 were seen on two processors."""


@pytest.fixture
def engines(runtime: RealRuntime) -> Iterator[list[Engine]]:
    """Two names for one model."""
    made = [runtime.assign(runtime.fork_pair(), MODEL, name) for name in ("one", "other")]
    for engine in made:
        runtime.wait_until_ready(engine)
    yield made
    for engine in made:
        with suppress(ProcessLookupError):  # A test ended it.
            runtime.kill(engine)


def seconds(*engines: Engine) -> float:
    """How long it takes until all of them, asked at the same time, have answered."""

    def answer(engine: Engine) -> str:
        body = post(engine, "/v1/completions", prompt="A long story:", max_tokens=TOKENS, ignore_eos=True)
        return body["choices"][0]["text"]

    begin = time.monotonic()
    with ThreadPoolExecutor(len(engines)) as threads:
        assert len(set(threads.map(answer, engines))) == 1, "the same model answers differently"
    return time.monotonic() - begin


def test_two_that_answer_at_once_share_the_processors(engines: list[Engine]) -> None:
    seconds(*engines)
    alone = statistics.median(seconds(engines[0]) for _ in range(ROUNDS))
    together = statistics.median(seconds(*engines) for _ in range(ROUNDS))
    assert together < MOST_TIMES_AS_LONG * alone


def test_one_that_hangs_in_a_step_is_not_waited_for(engines: list[Engine]) -> None:
    hung, other = engines
    expected = post(other, "/v1/completions", prompt="A long story:", max_tokens=TOKENS, ignore_eos=True)
    chunks = stream(hung.socket, hung.name, "A very long story:", 1800, ignore_eos=True)
    next(chunks)
    os.kill(hung.core.pid, signal.SIGSTOP)
    try:
        answer = post(other, "/v1/completions", prompt="A long story:", max_tokens=TOKENS, ignore_eos=True)
    finally:
        os.kill(hung.core.pid, signal.SIGCONT)
    assert answer["choices"] == expected["choices"]
    assert next(chunks)
    chunks.close()


def test_one_that_is_killed_in_a_step_leaves_its_turn(runtime: RealRuntime, engines: list[Engine]) -> None:
    killed, other = engines
    chunks = stream(killed.socket, killed.name, "A very long story:", 1800, ignore_eos=True)
    next(chunks)
    os.kill(killed.core.pid, signal.SIGKILL)
    assert post(other, "/v1/completions", prompt="x", max_tokens=TOKENS, ignore_eos=True)["choices"]
    chunks.close()
    for member in killed.members:
        runtime.wait_for_exit(member)
