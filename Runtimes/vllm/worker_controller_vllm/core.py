"""The core of an engine: scheduler and executor, and the worker with its device where that is not a leased one."""

import itertools
from contextlib import nullcontext

from worker_controller_vllm.compat import config
from worker_controller_vllm.compat import core as compat
from worker_controller_vllm.compat.cache import LazyCache
from worker_controller_vllm.engine_process import EngineProcess
from worker_controller_vllm.lease_client import Home
from worker_controller_vllm.messages import Assign
from worker_controller_vllm.prepared import Preparing
from worker_controller_vllm.threads import use_threads
from worker_controller_vllm.turns import Turns


def run(process: EngineProcess, prepare: Preparing, turns: Turns) -> None:
    """The main thread of a core, from before its assignment to its end."""
    assignment = process.wait_for_assignment()
    try:
        config.name_process("EngineCore")
        threads = use_threads(assignment.cores, assignment.environment)
        contents = prepare(assignment)
        process.stage_done("config")
        counter = _Counter()
        process.count_progress_with(counter.value)
        cache = LazyCache()
        process.measure_cache_with(cache.resident_bytes)
        compat.run_core(
            contents,
            cache,
            assignment.input_socket,
            assignment.output_socket,
            # A leased worker takes its own turns.
            nullcontext() if assignment.is_remote else turns.on(process.device, threads),
            process.stage_done,
            counter.step,
            _home_of(process, assignment),
            process.workers_return,
        )
    except Exception as error:
        process.fail(error)


def _home_of(process: EngineProcess, assignment: Assign) -> Home | None:
    """What the core leases its workers for; None where it computes itself."""
    if not assignment.is_remote:
        return None
    return Home(process.identity, assignment.engine, assignment.generation, assignment.environment)


class _Counter:
    """Engine steps so far; written by the main thread, read by the control thread."""

    def __init__(self) -> None:
        self._steps = itertools.count(1)
        self._last = 0

    def step(self) -> None:
        self._last = next(self._steps)

    def value(self) -> int:
        return self._last
