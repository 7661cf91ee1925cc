"""Engines that share a device's processors compute by turns.

Threads that compute together wait for each other after every operation, hundreds of times a pass, and spin meanwhile.
The threads of two engines on the same processors take these from each other in the midst of it, and both engines become
several times slower than they are by turns.
"""

import ctypes
import errno
import mmap
import os
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from worker_controller_vllm.process_log import logger

PATIENCE_SECONDS = 0.25
"""How long an engine waits while nobody's turn begins: longer than a token of most models takes, and not for a long
prompt's pass."""

LONGEST_WAIT_SECONDS = 5.0
"""How long it waits for its turn at all: the lock keeps no queue."""

DEVICES = 16
"""Devices with places of their own; further ones share them."""

PLACES = 8
"""How many engines of one device can compute at the same time at most; more do so without a turn."""

_MUTEX_BYTES = 64
"""No C library's is larger (40 on x86-64, 48 on aarch64)."""

_PLACE_BYTES = _MUTEX_BYTES + 8
"""The lock, and how often it was taken."""

_PROCESS_SHARED = 1
_ROBUST = 1


class _Time(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class Turns:
    """Places to compute at, in memory that this process shares with all that it forks, and they with theirs.

    Each is a lock of the C library's: taken without a call of the kernel where it is free, and given to the next one
    where its holder has died. A C library that lacks such locks (glibc before 2.30) costs a line in the log.
    """

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None)
        self._memory = mmap.mmap(-1, DEVICES * PLACES * _PLACE_BYTES)
        self._address = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        self._are_there = False
        try:
            self._make()
            self._are_there = True
        except (AttributeError, OSError) as error:
            logger.warning("engines do not compute by turns: %s", error)

    def on(self, device: str, threads: int) -> AbstractContextManager[object]:
        """What an engine on `device`, as in `cpu:0`, computes within that uses so many threads of this process's
        processors.

        As many engines compute at once as there are processors for. One thread waits for no other, and needs no turn;
        nor does who computes on a GPU.
        """
        together = max(len(os.sched_getaffinity(0)) // max(threads, 1), 1)
        if not self._are_there or not device.startswith("cpu:") or threads < 2 or together > PLACES:
            return nullcontext()
        first = int(device.rpartition(":")[2]) % DEVICES * PLACES
        return Turn([_Place(self._library, self._place(first + number)) for number in range(together)])

    def _make(self) -> None:
        self._library.pthread_mutex_clocklock  # noqa: B018  (raises where it is not there)
        attributes = ctypes.create_string_buffer(_MUTEX_BYTES)
        self._call("pthread_mutexattr_init", attributes)
        self._call("pthread_mutexattr_setpshared", attributes, _PROCESS_SHARED)
        self._call("pthread_mutexattr_setrobust", attributes, _ROBUST)
        for number in range(DEVICES * PLACES):
            self._call("pthread_mutex_init", ctypes.c_void_p(self._place(number)), attributes)
        self._call("pthread_mutexattr_destroy", attributes)

    def _place(self, number: int) -> int:
        return self._address + number * _PLACE_BYTES

    def _call(self, name: str, *values: object) -> None:
        if status := getattr(self._library, name)(*values):
            raise OSError(status, f"{name}: {os.strerror(status)}")


class _Place:
    """A lock in shared memory."""

    def __init__(self, library: ctypes.CDLL, address: int) -> None:
        self._library = library
        self._mutex = ctypes.c_void_p(address)
        self._count = ctypes.c_uint64.from_address(address + _MUTEX_BYTES)

    @property
    def times_taken(self) -> int:
        return self._count.value

    def try_to_take(self) -> bool:
        return self._is_ours(self._library.pthread_mutex_trylock(self._mutex))

    def wait(self, seconds: float) -> bool:
        """Whether it was taken."""
        end = time.clock_gettime_ns(time.CLOCK_MONOTONIC) + int(seconds * 1e9)
        deadline = ctypes.byref(_Time(*divmod(end, 10**9)))
        return self._is_ours(self._library.pthread_mutex_clocklock(self._mutex, time.CLOCK_MONOTONIC, deadline))

    def release(self) -> None:
        self._library.pthread_mutex_unlock(self._mutex)

    def _is_ours(self, status: int) -> bool:
        if status == errno.EOWNERDEAD:  # Whoever computed here was killed; there is nothing to mend but the lock.
            status = self._library.pthread_mutex_consistent(self._mutex)
        if status == 0:
            self._count.value += 1
        return status == 0


class Turn:
    """One engine's turns. Begins and ends on the same thread."""

    def __init__(self, places: Sequence[_Place]) -> None:
        self._places = places
        self._held: _Place | None = None
        self._not_waited_for: int | None = None

    def __enter__(self) -> None:
        """Waits for a place, but not for ever: then the engine computes all the same, beside the others.

        It does not wait again until another turn has begun: the one that goes on may be a hung engine's.
        """
        self._held = next((place for place in self._places if place.try_to_take()), None)
        place = self._places[os.getpid() % len(self._places)]
        end = time.monotonic() + LONGEST_WAIT_SECONDS
        while self._held is None and time.monotonic() < end:
            turns = self._turns_taken()
            if turns == self._not_waited_for:
                return
            if place.wait(PATIENCE_SECONDS):
                self._held = place
            elif turns == self._turns_taken():
                self._not_waited_for = turns

    def __exit__(self, *_: object) -> None:
        held, self._held = self._held, None
        if held is not None:
            held.release()

    def _turns_taken(self) -> int:
        return sum(place.times_taken for place in self._places)
