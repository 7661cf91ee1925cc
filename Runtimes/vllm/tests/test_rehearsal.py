"""A start rehearsed with vLLM itself, in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.real

SCRIPT = """
import json, logging, os, threading, torch
from worker_controller_vllm.compat import zygote
from worker_controller_vllm.compat.rehearsal import rehearse
from worker_controller_vllm.compat.worker import VllmWorkers
from worker_controller_vllm.turns import Turns

zygote.configure_logging_once()
logging.getLogger("vllm").info("the level is low enough")
VllmWorkers(Turns()).attach("cpu:0")
descriptors = lambda: sorted(os.readlink(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")[:-1])

def played(stop_at):
    asked = []
    before = descriptors(), threading.active_count(), dict(os.environ), torch.get_num_threads()
    ended = rehearse("cpu:0", lambda: asked.append(1) or len(asked) == stop_at)
    after = descriptors(), threading.active_count(), dict(os.environ), torch.get_num_threads()
    return {"ended": ended, "asked": len(asked), "is_as_before": before == after}

played(None)  # Libraries open what they keep.
facts = {"played": [played(stop_at) for stop_at in (1, 2, None)]}

from vllm.distributed import parallel_state
from vllm.v1.executor import uniproc_executor

initialize = parallel_state.init_distributed_environment
wrapper = uniproc_executor.WorkerWrapperBase

def fail(*values, **named):
    initialize(*values, **named)
    raise ValueError("in the middle")

parallel_state.init_distributed_environment = fail
import vllm.v1.worker.gpu_worker as worker
worker.init_distributed_environment = fail
try:
    rehearse("cpu:0", lambda: False)
except ValueError as error:
    facts["error"] = str(error)
facts["groups"] = torch.distributed.is_initialized()
facts["wrapper"] = uniproc_executor.WorkerWrapperBase is wrapper

from worker_controller_vllm.compat.leftovers import Leftovers
from worker_controller_vllm.runtime import NotClean

parallel_state.init_distributed_environment = worker.init_distributed_environment = initialize
def stay(self):
    raise ValueError("stuck")
Leftovers.remove = stay
try:
    rehearse("cpu:0", lambda: True)
except NotClean as error:
    facts["stuck"] = str(error)
logging.getLogger("vllm").info("and low enough again")
print(json.dumps(facts))
"""


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("rehearsal")
    environment = {**os.environ, "TMPDIR": str(folder), "VLLM_LOGGING_LEVEL": "INFO"}
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert ended.returncode == 0, ended.stderr
    last = json.loads(ended.stdout.splitlines()[-1])
    # torch makes an empty folder when it is imported.
    files = [path.name for path in Path(folder).iterdir() if not path.name.startswith("torchinductor_")]
    return {**last, "said": ended.stdout + ended.stderr, "files": files}


def test_nothing_is_left_wherever_it_ends(facts: dict[str, Any]) -> None:
    assert facts["played"] == [
        {"ended": False, "asked": 1, "is_as_before": True},
        {"ended": False, "asked": 2, "is_as_before": True},
        {"ended": True, "asked": 2, "is_as_before": True},
    ]
    assert facts["files"] == []


def test_where_it_fails_nothing_is_left_either(facts: dict[str, Any]) -> None:
    assert facts["error"] == "in the middle"
    assert (facts["groups"], facts["wrapper"]) == (False, True)


def test_what_cannot_be_taken_down_is_not_clean(facts: dict[str, Any]) -> None:
    assert facts["stuck"] == "a rehearsal could not be taken down: ValueError: stuck"


def test_vllm_says_nothing_of_it(facts: dict[str, Any]) -> None:
    said = [line for line in facts["said"].splitlines() if " INFO " in line or " WARNING " in line]
    assert len(said) == 2, said
    assert "the level is low enough" in said[0] and "and low enough again" in said[1]
