"""Engines that compute by turns, as processes."""

import ctypes
import logging
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from multiprocessing.connection import Connection

import pytest

from worker_controller_vllm import turns
from worker_controller_vllm.turns import PATIENCE_SECONDS, Turns

FORK = multiprocessing.get_context("fork")
ENOUGH_SECONDS = 30.0


class Engine:
    """A forked process that begins and ends a turn when it is told to."""

    def __init__(self, turn: AbstractContextManager[object]) -> None:
        self._connection, theirs = FORK.Pipe()
        self._process = FORK.Process(target=_compute, args=(turn, theirs), daemon=True)
        self._process.start()

    def order(self, word: str) -> None:
        self._connection.send(word)

    def seconds(self) -> float:
        """How long the last order took."""
        assert self._connection.poll(ENOUGH_SECONDS), "no answer"
        return self._connection.recv()

    def has_answered(self) -> bool:
        return self._connection.poll(0)

    def do(self, word: str) -> float:
        self.order(word)
        return self.seconds()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)
        if number == signal.SIGKILL:
            self._process.join()

    def close(self) -> None:
        self._process.kill()
        self._process.join()
        self._connection.close()


def _compute(turn: AbstractContextManager[object], orders: Connection) -> None:
    while True:
        word = orders.recv()
        begin = time.monotonic()
        if word == "begin":
            turn.__enter__()
        else:
            turn.__exit__(None, None, None)
        orders.send(time.monotonic() - begin)


Maker = Callable[[AbstractContextManager[object]], Engine]


@pytest.fixture
def engine() -> Iterator[Maker]:
    made: list[Engine] = []

    def make(turn: AbstractContextManager[object]) -> Engine:
        made.append(Engine(turn))
        return made[-1]

    yield make
    for one in made:
        one.close()


Processors = Callable[[int], None]


@pytest.fixture(autouse=True)
def processors(monkeypatch: pytest.MonkeyPatch) -> Processors:
    """Sets how many processors there seem to be; two otherwise."""

    def set_to(count: int) -> None:
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(count)))

    set_to(2)
    return set_to


@pytest.fixture
def long_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that only an event can end a wait."""
    monkeypatch.setattr(turns, "PATIENCE_SECONDS", ENOUGH_SECONDS)


def test_the_second_computes_when_the_first_has(engine: Maker, long_patience: None) -> None:
    shared = Turns()
    first, second = (engine(shared.on("cpu:0", 2)) for _ in range(2))
    first.do("begin")
    second.order("begin")
    assert not second.has_answered()
    first.do("end")
    second.seconds()
    first.order("begin")
    assert not first.has_answered()
    second.do("end")
    first.seconds()


def test_a_killed_one_gives_its_turn_up(engine: Maker, long_patience: None) -> None:
    shared = Turns()
    first, second, third = (engine(shared.on("cpu:0", 2)) for _ in range(3))
    first.do("begin")
    second.order("begin")
    first.send_signal(signal.SIGKILL)
    second.seconds()
    second.do("end")
    third.do("begin")


def test_a_hung_one_is_waited_for_once(engine: Maker) -> None:
    shared = Turns()
    hung, other = (engine(shared.on("cpu:0", 2)) for _ in range(2))
    hung.do("begin")
    hung.send_signal(signal.SIGSTOP)
    assert other.do("begin") >= PATIENCE_SECONDS
    for _ in range(3):
        other.do("end")
        assert other.do("begin") < PATIENCE_SECONDS / 2
    other.do("end")
    hung.send_signal(signal.SIGCONT)
    hung.do("end")
    hung.do("begin")
    assert other.do("begin") >= PATIENCE_SECONDS
    other.do("end")
    assert other.do("begin") < PATIENCE_SECONDS / 2


def test_as_many_compute_at_once_as_there_are_processors_for(engine: Maker, processors: Processors) -> None:
    processors(5)
    shared = Turns()
    engines = [engine(shared.on("cpu:0", 2)) for _ in range(3)]
    assert all(one.do("begin") < PATIENCE_SECONDS / 2 for one in engines[:2])
    assert engines[2].do("begin") >= PATIENCE_SECONDS


@dataclass
class Crowd:
    """Three engines where two can compute at once: the third waits for the place of one, while the other goes on."""

    waiting: Engine
    awaited: Engine
    other: Engine

    def next_turn(self) -> None:
        self.other.do("end")
        self.other.do("begin")


@pytest.fixture
def crowd(engine: Maker, processors: Processors) -> Crowd:
    processors(4)
    shared = Turns()
    holders = [engine(shared.on("cpu:0", 2)) for _ in range(2)]
    for one in holders:
        one.do("begin")
    waiting = engine(shared.on("cpu:0", 2))
    waiting.order("begin")
    time.sleep(PATIENCE_SECONDS / 5)  # It looks for a free place before it waits, and has no event for that.
    return Crowd(waiting, holders.pop(waiting.pid % 2), *holders)


def test_who_waits_among_many_waits_as_long_as_turns_begin(crowd: Crowd) -> None:
    end = time.monotonic() + 3 * PATIENCE_SECONDS
    while time.monotonic() < end:
        crowd.next_turn()
        time.sleep(PATIENCE_SECONDS / 10)
    assert not crowd.waiting.has_answered()
    crowd.awaited.do("end")
    crowd.waiting.seconds()


@pytest.fixture
def short_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "LONGEST_WAIT_SECONDS", 2 * PATIENCE_SECONDS)


def test_nobody_waits_for_ever_among_many(short_wait: None, crowd: Crowd) -> None:
    end = time.monotonic() + ENOUGH_SECONDS
    while not crowd.waiting.has_answered() and time.monotonic() < end:
        crowd.next_turn()
    assert crowd.waiting.seconds() >= 2 * PATIENCE_SECONDS


def test_devices_do_not_wait_for_each_other(engine: Maker) -> None:
    shared = Turns()
    engines = [engine(shared.on(f"cpu:{number}", 2)) for number in range(2)]
    assert all(one.do("begin") < PATIENCE_SECONDS / 2 for one in engines)


@pytest.mark.parametrize(
    ("device", "threads", "count"), [("cpu:0", 1, 2), ("cpu:0", 1, 1), ("cpu:0", 2, 64), ("cuda:0", 2, 2)]
)
def test_who_is_in_nobodys_way_needs_no_turn(device: str, threads: int, count: int, processors: Processors) -> None:
    processors(count)
    assert isinstance(Turns().on(device, threads), nullcontext)


def test_more_threads_than_processors_take_turns() -> None:
    assert not isinstance(Turns().on("cpu:0", 4), nullcontext)


def test_without_such_locks_there_are_no_turns(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    with caplog.at_level(logging.WARNING):
        shared = Turns()
    assert "engines do not compute by turns: 'object' object has no attribute 'pthread_mutex_clocklock'" in caplog.text
    assert isinstance(shared.on("cpu:0", 2), nullcontext)
