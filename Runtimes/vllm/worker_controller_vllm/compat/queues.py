"""Waiting for the other side of one of vLLM's message queues: not for ever, and not with a processor to itself."""

import time
from collections.abc import Callable
from typing import Any

import zmq

from worker_controller_vllm.compat import fallback
from worker_controller_vllm.priority import set_timer_slack

_SLICE_MILLISECONDS = 100
_TIMER_SLACK_NANOSECONDS = 1000


def wait_within(queue: Any, seconds: float) -> None:
    """`wait_until_ready`, for an executor; raises `TimeoutError`."""
    queue.local_socket.setsockopt(zmq.RCVTIMEO, int(seconds * 1000))
    try:
        queue.wait_until_ready()
    except zmq.Again as error:
        raise TimeoutError(f"a worker did not join its queue within {seconds:g} s") from error
    finally:
        queue.local_socket.setsockopt(zmq.RCVTIMEO, -1)


def wait_unless(queue: Any, is_over: Callable[[], bool]) -> bool:
    """`wait_until_ready`, for a worker, whose queues have one peer; false when `is_over` came first."""
    while not queue.local_socket.poll(_SLICE_MILLISECONDS):
        if is_over():
            return False
    queue.wait_until_ready()
    return True


class Nap:
    """Sleeps for a little, and for longer the longer this wait has been: always a small part of it."""

    SHORTEST = 20e-6
    LONGEST = 100e-6
    PART = 1 / 50
    """Of what has been waited so far."""

    PAUSE = 0.5e-3
    """Who has not asked for so long was not waiting meanwhile."""

    def __init__(
        self, sleep: Callable[[float], None] = time.sleep, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._sleep = sleep
        self._clock = clock
        self._since = 0.0
        self._last = 0.0

    def __call__(self) -> None:
        now = self._clock()
        if now > self._last + self.PAUSE:
            self._since = now
        self._sleep(min(self.LONGEST, max(self.SHORTEST, (now - self._since) * self.PART)))
        self._last = self._clock()


def wait_in_naps() -> None:
    """Lets readers of vLLM's queues on CPU sleep where they would spin for as long as a step takes.

    A rank computes on all processors of its device. A spinning executor takes one of them, and the rank's threads,
    which wait for each other hundreds of times in a step, share the rest: on two processors a token took up to a
    second. Not for GPUs, whose workers need no processor for each of their threads.
    """
    try:
        from vllm.distributed.device_communicators import shm_broadcast

        if "sched_yield" not in shm_broadcast.SpinCondition.wait.__code__.co_names:
            raise AttributeError("SpinCondition.wait does not call sched_yield")
    except (ImportError, AttributeError) as error:
        return fallback("sleeping while a queue is empty", error)
    set_timer_slack(_TIMER_SLACK_NANOSECONDS)
    shm_broadcast.sched_yield = Nap()
