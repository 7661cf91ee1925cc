"""Workers of a real zygote, leased to executors as the controller does it, one lease after the other."""

import itertools
import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from fake_controller import Peer
from real_runtime import Engine, Member, RealRuntime


@dataclass
class Held:
    """One lease."""

    engine: str
    generation: dict[str, int]
    executor: Peer
    workers: list[Member]
    granted_at: float
    released_at: float | None = None


@dataclass
class LeaseDesk:
    """Answers `lease.request` and `lease.release`. Driven by its waits, like the fake controller."""

    runtime: RealRuntime
    workers: list[Member]
    cores: Sequence[Sequence[int]] = ()
    """Of each rank; one that has none may use all."""

    refusal: str | None = None
    leases: list[Held] = field(default_factory=list)
    engines: list[Engine] = field(default_factory=list)
    _counters: Any = field(default_factory=lambda: itertools.count(1000))
    _answered: set[tuple[int, int]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._answered = {(id(peer), request["id"]) for peer, request, _ in self._requests()}

    def wait(self, what: str, predicate: Callable[[], Any], seconds: float = 60) -> Any:
        return self.runtime.controller.wait(what, lambda: (self.pump(), predicate())[1], seconds)

    def pump(self) -> None:
        """Answers what has come."""
        for peer, request, answer in self._requests():
            if (id(peer), request["id"]) not in self._answered:
                self._answered.add((id(peer), request["id"]))
                answer(peer, request)

    def _requests(self) -> list[tuple[Peer, dict[str, Any], Callable[[Peer, dict[str, Any]], None]]]:
        return [
            (peer, request, answer)
            for peer in self.runtime.controller.peers
            if not peer.closed
            for kind, answer in (("lease.request", self._grant), ("lease.release", self._release))
            for request in peer.events(kind)
        ]

    def close(self) -> None:
        """Ends engines and workers that are there still."""
        pids = [member.pid for engine in self.engines for member in engine.members]
        for pid in (*pids, *(member.pid for member in self.workers)):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass  # It ended in the test.

    def reset(self, held: Held) -> list[dict[str, Any]]:
        """Resets all workers of a lease; their answers."""
        controller = self.runtime.controller
        requests = [(member, member.peer.request("reset", generation=held.generation)) for member in held.workers]
        return [
            controller.wait("reset", lambda m=member, r=request: m.peer.answer_to(r)) for member, request in requests
        ]

    def wait_until_ready(self, engine: Engine) -> None:
        self.runtime.wait_until_ready(engine, meanwhile=self.pump)

    def _grant(self, peer: Peer, request: dict[str, Any]) -> None:
        if self.refusal is not None:
            return peer.answer("lease.refused", request, reason=self.refusal)
        workers = self.workers[: request["world_size"]]
        engine = peer.hello.get("engine") or f"e-{next(self._counters)}"
        generation = {"epoch": 4, "counter": next(self._counters)}
        if peer.hello.get("generation") and not any(held.executor is peer for held in self.leases):
            generation = peer.hello["generation"]
        granted = []
        for rank, member in enumerate(workers):
            cores = list(self.cores[rank]) if rank < len(self.cores) else []
            answer = self.runtime.controller.ask(
                member.peer,
                "lease",
                engine=engine,
                generation=generation,
                executor_pid=peer.hello["pid"],
                cores=cores,
            )
            assert answer["type"] == "accepted", answer
            granted.append(
                {
                    "process": member.process,
                    "pid": member.pid,
                    "socket": str(self.runtime.worker_socket(member.process)),
                    "device": "cpu:0",
                    "cores": cores,
                }
            )
        self.leases.append(Held(engine, generation, peer, workers, time.monotonic()))
        peer.answer("lease.grant", request, engine=engine, generation=generation, workers=granted)

    def _release(self, peer: Peer, request: dict[str, Any]) -> None:
        for held in self.leases:
            if held.executor is peer and held.generation == request["generation"]:
                held.released_at = time.monotonic()
                return peer.answer("done", request)
        peer.answer("failed", request, reason="no such lease")


def descriptors_of(pid: int) -> dict[str, str]:
    """What a process holds open."""
    found = {}
    for number in os.listdir(f"/proc/{pid}/fd"):
        try:
            found[number] = os.readlink(f"/proc/{pid}/fd/{number}")
        except FileNotFoundError:
            pass  # Closed meanwhile.
    return found
