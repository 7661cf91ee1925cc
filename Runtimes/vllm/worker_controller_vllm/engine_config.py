"""From an assignment, or the order to prepare a template, to vLLM's arguments and configuration."""

import hashlib
import os
from argparse import ArgumentParser, Namespace
from typing import Any

from worker_controller_vllm import arguments
from worker_controller_vllm.compat import config as compat
from worker_controller_vllm.messages import Assign, Prepare
from worker_controller_vllm.process_log import logger

EXECUTOR = "vllm.v1.executor.uniproc_executor.UniProcExecutor"
"""By its full name: the short `uni` is replaced by a multi-process executor on CPU, a class name is left alone."""

REMOTE_EXECUTOR = "worker_controller_vllm.remote_executor.RemoteExecutor"

CACHE_ARGUMENT = "kv-cache-memory-bytes"


def make(parser: ArgumentParser, order: Assign | Prepare, socket: str) -> tuple[Namespace, Any, Any]:
    """vLLM's parsed arguments, engine arguments and `VllmConfig`. Sets the order's environment."""
    set_environment(order)
    compat.inspect_models_in_process()
    args = arguments.parse(parser, _fixed(order, socket), with_defaults(order.arguments, order.device))
    compat.check_arguments(args)
    engine_args, config = compat.make_engine_config(args)
    wanted = order.world_size or 1
    if (size := compat.world_size(config)) != wanted:
        raise arguments.ArgumentsError(f"the arguments ask for {size} workers; this engine has {wanted}")
    return args, engine_args, config


def set_environment(order: Assign | Prepare) -> None:
    """Sets the order's environment, and takes away what would override the controller's decisions."""
    os.environ.update(order.environment)
    owned = {"VLLM_API_KEY": "clients' keys are the controller's concern, and its gateway sends none to an engine"}
    if CACHE_ARGUMENT in _names(order.arguments):
        owned["VLLM_CPU_KVCACHE_SPACE"] = "'kv-cache-memory-bytes' is given, which it would override"
    for name, why in owned.items():
        if os.environ.pop(name, None) is not None:
            logger.warning("%s is not used: %s", name, why)


def cache_bytes(assignment: Assign) -> int | None:
    """The size of the KV cache that an assignment names."""
    given = {name.replace("_", "-"): value for name, value in assignment.arguments.items()}
    return given.get(CACHE_ARGUMENT)


def name_shared_buffer(assignment: Assign) -> None:
    """Names the shared memory of multimodal inputs, which both processes of an engine must find."""
    # vLLM draws a random name in each process that it did not start itself.
    if compat.SHARED_BUFFER not in assignment.environment and compat.names_shared_buffer():
        os.environ[compat.SHARED_BUFFER] = shared_buffer_name(assignment)


def shared_buffer_name(assignment: Assign) -> str:
    """One name for both processes of this start of an engine, and for no other one's of any controller here.

    At most 30 characters, as vLLM's own.
    """
    controller = hashlib.sha256(assignment.socket.encode(errors="replace")).hexdigest()[:8]
    return f"wc_{controller}_{assignment.generation.epoch}_{assignment.generation.counter}"


def with_defaults(given: dict[str, Any], device: str) -> dict[str, Any]:
    """The given arguments and our defaults: no line per request in the log; on a GPU, a model that can sleep.

    vLLM's sleep gives memory back only if it was switched on when the model was loaded. Never run on a GPU.
    """
    names = _names(given)
    defaults: dict[str, Any] = {}
    if not names & {"disable-uvicorn-access-log", "no-disable-uvicorn-access-log"}:
        defaults["disable-uvicorn-access-log"] = True
    if not device.startswith("cpu:") and not names & {"enable-sleep-mode", "no-enable-sleep-mode"}:
        defaults["enable-sleep-mode"] = True
    return {**given, **defaults}


def _names(given: dict[str, Any]) -> set[str]:
    """The names of the arguments that have a value, as vLLM writes them."""
    return {name.replace("_", "-") for name, value in given.items() if value is not None}


def _fixed(order: Assign | Prepare, socket: str) -> list[str]:
    return [
        f"--model={order.path}",
        f"--uds={socket}",
        f"--distributed-executor-backend={REMOTE_EXECUTOR if order.is_remote else EXECUTOR}",
        f"--tensor-parallel-size={order.world_size or 1}",
        "--served-model-name",
        *order.names,
    ]
