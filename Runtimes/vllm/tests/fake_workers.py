"""A worker's runtime that only pretends: a rank does what the script says that its order has for a configuration.

`raise`: an error with that text while it is made; `wait`: until the FIFO of that path was opened for writing and
closed; `hang`: for ever, while it is made; `fail`: an error with that text when it serves; `stubborn`: computes on when
it is cancelled; `left`: cannot be let go of wholly; `exit`: the process ends with that status; `owned`: what the worker
says from then on that it owns. Its device says how a rehearsal goes: see `REHEARSALS`.
"""

import os
import pickle
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from worker_controller_vllm.messages import ResetInPlace
from worker_controller_vllm.rank_order import RankOrder
from worker_controller_vllm.runtime import NotClean

REHEARSALS = {"cpu:7": "until it is wanted", "cpu:8": "fails", "cpu:9": "leaves something"}
"""By device; others have none."""


class FakeRank:
    """Computes nothing until it is cancelled."""

    def __init__(self, script: dict[str, Any], facts: dict[str, Any]) -> None:
        self._script = script
        self._cancelled = threading.Event()
        self.ready = facts

    def serve(self) -> None:
        if "fail" in self._script:
            raise ValueError(self._script["fail"])
        if "stubborn" in self._script:
            threading.Event().wait()
        self._cancelled.wait()

    def cancel(self) -> None:
        self._cancelled.set()

    def steps(self) -> int:
        return 3

    def cache_bytes(self) -> int:
        return 4096


class FakeWorkers:
    """Remembers nothing but how often it was used."""

    def __init__(self) -> None:
        self._script: dict[str, Any] = {}
        self._uses = 0

    def attach(self, device: str) -> None:
        self._device = device

    def rehearse(self, is_wanted: Callable[[], bool]) -> None:
        match REHEARSALS.get(self._device):
            case "until it is wanted":
                print("on the stage", flush=True)
                while not is_wanted():
                    time.sleep(0.001)
            case "fails":
                raise ValueError("forgot the words")
            case "leaves something":
                raise NotClean("left behind: the stage")

    def reset_of(self, device: str) -> ResetInPlace | None:
        return None if device.startswith("cpu") else ResetInPlace(4096)

    def owned_bytes(self) -> int | None:
        return self._script.get("owned")

    def make_rank(self, order: RankOrder, cores: Sequence[int], is_over: Callable[[], bool]) -> FakeRank:
        self._script = script = pickle.loads(order.config)
        self._uses += 1
        if "raise" in script:
            raise ValueError(script["raise"])
        if "exit" in script:
            os._exit(script["exit"])
        if "wait" in script:
            Path(script["wait"]).read_bytes()
        if "hang" in script:
            threading.Event().wait()
        facts = {"rank": order.rank, "uses": self._uses, "cores": list(cores), "environment": order.environment}
        return FakeRank(script, {**facts, "device": self._device, "threads": threading.active_count()})

    def let_go(self) -> None:
        if reason := self._script.get("left"):
            raise NotClean(reason)
