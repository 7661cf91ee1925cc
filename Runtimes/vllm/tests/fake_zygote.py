"""A zygote of a runtime that only pretends: its roles do what an assignment's `arguments` say.

`report`: write what the process looks like to a file; `busy`: never let go of the interpreter's lock for long;
`compute`: with so many OpenMP threads; `fail`: raise with that text in the first stage; `exit`: end with that status;
`suspension`: take `sleep` and `wake`, and fail with that text if it is not empty; otherwise: report all stages, then
those of the lists of `returns`, each a return of a core's workers that may end early, and wait. Its templates do what
`fake_preparation` says, its workers what `fake_workers` says.
"""

import json
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from fake_preparation import FakePreparation
from fake_workers import FakeWorkers
from openmp import compute

from worker_controller_vllm import template_process, worker
from worker_controller_vllm.engine_process import STAGES, EngineProcess, as_role
from worker_controller_vllm.messages import Sleep, Wake
from worker_controller_vllm.runtime import Role
from worker_controller_vllm.zygote import parse_arguments, serve


def play(process: EngineProcess) -> None:
    threads_at_birth = len(os.listdir("/proc/self/task"))
    assignment = process.wait_for_assignment()
    script = assignment.arguments
    process.count_progress_with(lambda: 17)
    process.measure_cache_with(lambda: 4096)
    if "compute" in script:
        compute(script["compute"])
    if "report" in script:
        write_report(script["report"], threads_at_birth)
    if "exit" in script:
        process.end(script["exit"])
    try:
        if "fail" in script:
            raise ValueError(script["fail"])
        if "suspension" in script:
            process.suspend_with(suspension(script["suspension"]))
        for stage in STAGES[process.role]:
            process.stage_done(stage)
        for stages in script.get("returns", []):
            with process.workers_return():
                for stage in stages:
                    process.stage_done(stage)
        if script.get("busy"):
            while True:
                sum(range(1000))
        threading.Event().wait()
    except ValueError as error:
        process.fail(error)


def suspension(failure: str) -> Callable[[Sleep | Wake], Future[None]]:
    thread = ThreadPoolExecutor(1)

    def carry_out(order: Sleep | Wake) -> None:
        if failure:
            raise RuntimeError(f"{order.TYPE}: {failure}")

    return lambda order: thread.submit(carry_out, order)


def write_report(path: str, threads_at_birth: int) -> None:
    descriptors = {number: os.readlink(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")[:-1]}
    facts = {
        "session": os.getsid(0),
        "affinity": sorted(os.sched_getaffinity(0)),
        "temporary": tempfile.gettempdir(),
        "TMPDIR": os.environ["TMPDIR"],
        "descriptors": descriptors,
        "oom": int(Path("/proc/self/oom_score_adj").read_text()),
        "niceness": os.getpriority(os.PRIO_PROCESS, 0),
        "threads at birth": threads_at_birth,
        "threads": len(os.listdir("/proc/self/task")),
        "made": FakePreparation.made,
    }
    with open(path + ".part", "w") as file:
        json.dump(facts, file)
    os.rename(path + ".part", path)


def spill(process: EngineProcess) -> None:
    """Ends with output that is not written yet."""
    sys.stdout.write("x" * 100)


def spill_and_raise(process: EngineProcess) -> None:
    spill(process)
    raise RuntimeError("as planned")


PAIR: Mapping[str, Role] = {"front_end": as_role(play), "core": as_role(play)}


class FakeRuntime:
    """Preloads nothing."""

    roles: Mapping[str, Role] = {
        **PAIR,
        "spill": as_role(spill),
        "raise": as_role(spill_and_raise),
        "worker": lambda birth: worker.run(birth, FakeWorkers()),
        "template": lambda birth: template_process.run(birth, lambda: FakePreparation(PAIR)),
    }

    def preload(self) -> dict[str, str]:
        return {"fake": "1"}


if __name__ == "__main__":
    os._exit(serve(parse_arguments(sys.argv[1:]), FakeRuntime()))
