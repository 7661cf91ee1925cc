"""Workers of a fake zygote, leased to executors that the tests play."""

import os
import pickle
from typing import Any

from bench import Bench
from fake_controller import Peer

from worker_controller_vllm.messages import Generation, GrantedWorker, LeaseGrant
from worker_controller_vllm.rank_order import RankOrder

ENGINE = "e-3"
GENERATION = {"epoch": 4, "counter": 9}


def socket_of(bench: Bench, process: str) -> str:
    return str(bench.run_directory / f"{process}.sock")


def fork_worker(bench: Bench, process: str = "p-2", **fields: str) -> Peer:
    return bench.fork(process, "worker", socket=socket_of(bench, process), **fields)


def lease(bench: Bench, peer: Peer, **changes: Any) -> dict[str, Any]:
    """Tells a worker that this very process is its executor; returns the answer."""
    fields = {"engine": ENGINE, "generation": GENERATION, "executor_pid": os.getpid(), "cores": []}
    return bench.controller.ask(peer, "lease", **{**fields, **changes})


def reset(bench: Bench, peer: Peer, generation: dict[str, int] | None = None) -> dict[str, Any]:
    return bench.controller.ask(peer, "reset", generation=generation or GENERATION)


def grant_of(bench: Bench, *peers: Peer) -> LeaseGrant:
    """What a controller tells the executor of these workers."""
    workers = [
        GrantedWorker(
            process=peer.hello["process"],
            pid=peer.hello["pid"],
            socket=socket_of(bench, peer.hello["process"]),
            device="cpu:0",
            cores=[],
        )
        for peer in peers
    ]
    return LeaseGrant(re=1, engine=ENGINE, generation=Generation(**GENERATION), workers=workers)


def order_of(rank: int = 0, **script: Any) -> RankOrder:
    """A rank that does what `fake_workers` says of this script."""
    return RankOrder(
        rank=rank,
        environment={"A": "1"},
        config=pickle.dumps(script),
        rendezvous="file:///nowhere",
        steps=None,
        is_driver=rank == 0,
        lock="/nowhere",
    )
