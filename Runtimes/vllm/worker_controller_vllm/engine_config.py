"""From an assignment to vLLM's arguments and configuration, the same in the front end and in the core."""

import os
from argparse import ArgumentParser, Namespace
from typing import Any

from worker_controller_vllm import arguments
from worker_controller_vllm.compat import config as compat
from worker_controller_vllm.messages import Assign

EXECUTOR = "vllm.v1.executor.uniproc_executor.UniProcExecutor"
"""By its full name: the short `uni` is replaced by a multi-process executor on CPU, a class name is left alone."""


def make(parser: ArgumentParser, assignment: Assign) -> tuple[Namespace, Any, Any]:
    """vLLM's parsed arguments, engine arguments and `VllmConfig`. Sets the assignment's environment."""
    os.environ.update(assignment.environment)
    compat.inspect_models_in_process()
    args = arguments.parse(parser, _fixed(assignment), with_defaults(assignment.arguments))
    compat.check_arguments(args)
    engine_args, config = compat.make_engine_config(args)
    return args, engine_args, config


def with_defaults(given: dict[str, Any]) -> dict[str, Any]:
    """The given arguments and our only default: no line per request in the log unless it is asked for."""
    names = {name.replace("_", "-") for name in given}
    if names & {"disable-uvicorn-access-log", "no-disable-uvicorn-access-log"}:
        return given
    return {**given, "disable-uvicorn-access-log": True}


def _fixed(assignment: Assign) -> list[str]:
    return [
        f"--model={assignment.path}",
        f"--uds={assignment.socket}",
        f"--distributed-executor-backend={EXECUTOR}",
        "--served-model-name",
        *assignment.names,
    ]
