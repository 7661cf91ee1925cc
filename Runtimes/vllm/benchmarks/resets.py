"""What a worker keeps when it is reset in place, and what that costs, against a fork of a new one.

    python Runtimes/vllm/benchmarks/resets.py [--models FOLDER FOLDER] [--tenancies N]

One worker serves engines of two models by turns, is asked once each time, and is reset in place. Beside it the same
engine is served by a worker that nobody has used, which is then ended while another is forked. Printed are what the
first owns beyond its baseline after each reset, how long each way takes from the end of the engine until there is a
worker that has answered a ping, and how long each engine took from its lease to readiness.
"""

import argparse
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
TESTS = HERE.parents[1] / "tests"
MODEL = HERE.parents[3] / "models" / "SmolLM2-135M-Instruct"
STARTING = ("attach", "load", "kv_cache", "warm_up")


@dataclass
class Way:
    """One tenancy of a worker that is reset, or of one that is replaced."""

    ready_ms: float
    again_ms: float
    """From the end of the engine until a worker could be leased."""

    gone_ms: float
    """Until nothing of the engine was in memory any more."""

    baseline: int
    owned: int
    """After the reset; of the worker that replaces it, when it was new."""


class Bench:
    """A zygote, a worker that is used again and again, and new ones."""

    def __init__(self, folder: Path) -> None:
        from lease_desk import LeaseDesk
        from real_runtime import RealRuntime

        self.runtime = RealRuntime(folder)
        self.desk = LeaseDesk(self.runtime, [])
        self.used = self.runtime.fork("worker")
        self.spare = self.runtime.fork("worker")
        self.baselines = {member.process: self.owned(member) for member in (self.used, self.spare)}

    def owned(self, member: Any) -> int:
        return self.runtime.controller.ask(member.peer, "ping")["private_bytes"]

    def reset(self, model: Path) -> Way:
        def again(held: Any) -> int:
            (answer,) = self.desk.reset(held)
            assert answer["type"] == "done", answer
            return self.owned(self.used)

        baseline = self.baselines[self.used.process]
        ready, took, owned = self._serve(self.used, model, again)
        return Way(ready, took, took, baseline, owned)

    def replace(self, model: Path) -> Way:
        old, baseline = self.spare, self.baselines[self.spare.process]
        forked = 0.0

        def again(_: Any) -> int:
            nonlocal forked
            begin = time.monotonic()
            old.peer.request("stop")
            self.spare = self.runtime.fork("worker")
            owned = self.baselines[self.spare.process] = self.owned(self.spare)
            forked = (time.monotonic() - begin) * 1000
            self.runtime.wait_for_exit(old)
            return owned

        ready, took, owned = self._serve(old, model, again)
        return Way(ready, forked, took, baseline, owned)

    def _serve(self, member: Any, model: Path, again: Callable[[Any], int]) -> tuple[float, float, int]:
        """Has an engine use this worker, ends it, and calls `again`."""
        from real_runtime import post

        self.desk.workers = [member]
        engine = self.runtime.assign(self.runtime.fork_pair(), model, "m", workers=1)
        self.desk.wait_until_ready(engine)
        post(engine, "/v1/completions", prompt="The sea is", max_tokens=16, ignore_eos=True)
        stages = {stage["stage"]: stage["ms"] for stage in engine.core.stages()}
        begin = time.monotonic()
        for process in engine.members:
            os.kill(process.pid, signal.SIGKILL)
        owned = again(self.desk.leases[-1])
        took = (time.monotonic() - begin) * 1000
        for process in engine.members:
            self.runtime.wait_for_exit(process)
        return sum(stages[stage] for stage in STARTING), took, owned


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, nargs=2, metavar="FOLDER", help="default: the demo model and a tiny one")
    parser.add_argument("--tenancies", type=int, default=10)
    options = parser.parse_args()
    sys.path.insert(0, str(TESTS))
    folder = Path(tempfile.mkdtemp(prefix="wc-resets-"))
    if options.models is None:
        import tiny_model

        options.models = [MODEL, tiny_model.make(folder / "tiny", MODEL)]
    bench = Bench(folder / "run")
    ways: list[tuple[Way, Way]] = []
    columns = ["model", "keeps, MB", "reset, ms", "fork, ms", "ready in it, ms", "in a new one, ms"]
    print("| tenancy | " + " | ".join(columns) + " |")
    print("|---" * (1 + len(columns)) + "|")
    for number in range(options.tenancies):
        model = options.models[number % 2]
        reset, replaced = bench.reset(model), bench.replace(model)
        ways.append((reset, replaced))
        cells = [f"{number + 1}", model.name, f"{(reset.owned - reset.baseline) / 1e6:.1f}"]
        cells += [f"{value:.0f}" for value in (reset.again_ms, replaced.again_ms, reset.ready_ms, replaced.ready_ms)]
        print("| " + " | ".join(cells) + " |", flush=True)
    bench.runtime.close()
    for name, values in (
        ("reset in place, until it can be leased again, ms", [reset.again_ms for reset, _ in ways]),
        ("replaced, until a new one can be leased, ms", [replaced.again_ms for _, replaced in ways]),
        ("replaced, until the old one is gone, ms", [replaced.gone_ms for _, replaced in ways]),
        ("a new one owns, MB", [replaced.owned / 1e6 for _, replaced in ways]),
    ):
        print(f"{name}: median {statistics.median(values):.1f}, greatest {max(values):.1f}")


if __name__ == "__main__":
    main()
