"""The core of an engine: scheduler, executor and, at world size 1, the worker with its device."""

import itertools
import os
from argparse import ArgumentParser

from worker_controller_vllm import engine_config
from worker_controller_vllm.compat import config
from worker_controller_vllm.compat import core as compat
from worker_controller_vllm.engine_process import EngineProcess
from worker_controller_vllm.messages import Assign


def run(process: EngineProcess, parser: ArgumentParser) -> None:
    """The main thread of a core, from before its assignment to its end."""
    assignment = process.wait_for_assignment()
    try:
        config.name_process("EngineCore")
        _use_threads(assignment)
        _, engine_args, vllm_config = engine_config.make(parser, assignment)
        process.stage_done("config")
        counter = _Counter()
        process.count_progress_with(counter.value)
        compat.run_core(
            vllm_config,
            compat.log_stats_of(engine_args),
            assignment.input_socket,
            assignment.output_socket,
            process.stage_done,
            counter.step,
        )
    except Exception as error:
        process.fail(error)


def _use_threads(assignment: Assign) -> None:
    """One thread for each processor that was picked for this engine; for each physical core where none was picked."""
    import torch

    allowed = os.sched_getaffinity(0)
    if assignment.cores:
        os.sched_setaffinity(0, assignment.cores)
    used = os.sched_getaffinity(0)
    torch.set_num_threads(compat.threads_for(used) if used == allowed else len(used))


class _Counter:
    """Engine steps so far; written by the main thread, read by the control thread."""

    def __init__(self) -> None:
        self._steps = itertools.count(1)
        self._last = 0

    def step(self) -> None:
        self._last = next(self._steps)

    def value(self) -> int:
        return self._last
