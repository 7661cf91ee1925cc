"""A zygote of a runtime that only pretends: its roles do what an assignment's `arguments` say.

`report`: write what the process looks like to a file; `busy`: never let go of the interpreter's lock for long;
`fail`: raise with that text in the first stage; `exit`: end with that status; otherwise: report all stages, then wait.
"""

import json
import os
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path

from worker_controller_vllm.engine_process import STAGES, EngineProcess
from worker_controller_vllm.runtime import Role
from worker_controller_vllm.zygote import parse_arguments, serve


def play(process: EngineProcess) -> None:
    assignment = process.wait_for_assignment()
    script = assignment.arguments
    process.count_progress_with(lambda: 17)
    if "report" in script:
        write_report(script["report"])
    if "exit" in script:
        process.end(script["exit"])
    try:
        if "fail" in script:
            raise ValueError(script["fail"])
        for stage in STAGES[process.role]:
            process.stage_done(stage)
        if script.get("busy"):
            while True:
                sum(range(1000))
        threading.Event().wait()
    except ValueError as error:
        process.fail(error)


def write_report(path: str) -> None:
    descriptors = {number: os.readlink(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")[:-1]}
    facts = {
        "session": os.getsid(0),
        "affinity": sorted(os.sched_getaffinity(0)),
        "temporary": tempfile.gettempdir(),
        "TMPDIR": os.environ["TMPDIR"],
        "descriptors": descriptors,
        "oom": int(Path("/proc/self/oom_score_adj").read_text()),
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


class FakeRuntime:
    """Preloads nothing."""

    roles: Mapping[str, Role] = {"front_end": play, "core": play, "spill": spill, "raise": spill_and_raise}

    def preload(self) -> dict[str, str]:
        return {"fake": "1"}


if __name__ == "__main__":
    os._exit(serve(parse_arguments(sys.argv[1:]), FakeRuntime()))
