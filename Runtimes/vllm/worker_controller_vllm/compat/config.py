"""vLLM's configuration, made alike in the front end and in the core."""

import inspect
import uuid
from argparse import Namespace
from typing import Any

from worker_controller_vllm.compat import fallback

SHARED_BUFFER = "VLLM_OBJECT_STORAGE_SHM_BUFFER_NAME"
"""Names the shared memory for multimodal inputs (`mm_processor_cache_type` "shm"), which the front end makes."""


def names_shared_buffer() -> bool:
    """Whether this vLLM takes that name from the environment."""
    from vllm import envs

    return SHARED_BUFFER in getattr(envs, "environment_variables", {})


def name_instance(config: Any, name: str) -> None:
    """Gives a template's configuration the id of one engine, where vLLM drew one when it was made."""
    if not hasattr(config, "instance_id"):
        return fallback("naming the instance", "VllmConfig has no instance_id")
    drawn, config.instance_id = config.instance_id, name
    transfer = getattr(config, "kv_transfer_config", None)
    if transfer is not None and is_drawn(getattr(transfer, "engine_id", None)):
        transfer.engine_id = f"{name}_{drawn}"


def is_drawn(identifier: str | None) -> bool:
    """Whether an id is one that vLLM draws (a UUID), not one that a user gave."""
    try:
        return identifier is not None and bool(uuid.UUID(identifier))
    except ValueError:
        return False


def world_size(config: Any) -> int:
    """How many workers a configuration wants; 1 where it does not say."""
    try:
        return config.parallel_config.world_size_across_dp
    except AttributeError as error:
        fallback("checking the number of workers", error)
        return 1


def name_process(name: str) -> None:
    """Lets vLLM's log lines and the process list say which process this is."""
    import multiprocessing

    from vllm.utils.system_utils import decorate_logs, set_process_title

    multiprocessing.current_process().name = name
    set_process_title(name)
    decorate_logs(name)


def inspect_models_in_process() -> None:
    """vLLM inspects a new architecture in a subprocess (22 s of imports) to keep CUDA out of its own process.

    A forked child serves one model and then ends, so it may import the model's code itself, as it will anyway.
    """
    from vllm.model_executor.models import registry

    run = getattr(registry, "_run_in_subprocess", None)
    if run is None or list(inspect.signature(run).parameters) != ["fn"]:
        return fallback("inspecting models in this process", "registry._run_in_subprocess is not as expected")
    registry._run_in_subprocess = lambda fn: fn()


def check_arguments(args: Namespace) -> None:
    """The checks and settings of `vllm.entrypoints.launchers.api_server.entry.main` and `setup_server`."""
    from vllm.entrypoints.launchers.cli_args import validate_parsed_serve_args
    from vllm.logger import configure_logging_from_args
    from vllm.reasoning import ReasoningParserManager
    from vllm.tool_parsers import ToolParserManager

    configure_logging_from_args(args)
    validate_parsed_serve_args(args)
    if args.tool_parser_plugin and len(args.tool_parser_plugin) > 3:
        ToolParserManager.import_tool_parser(args.tool_parser_plugin)
    if args.reasoning_parser_plugin and len(args.reasoning_parser_plugin) > 3:
        ReasoningParserManager.import_reasoning_parser(args.reasoning_parser_plugin)


def make_engine_config(args: Namespace) -> tuple[Any, Any]:
    """The engine arguments and the `VllmConfig`, as vLLM's server makes them from its parsed arguments."""
    from vllm.engine.arg_utils import AsyncEngineArgs
    from vllm.entrypoints.launchers.cli_args import propagate_flash_late_interaction
    from vllm.usage.usage_lib import UsageContext

    engine_args = AsyncEngineArgs.from_cli_args(args)
    propagate_flash_late_interaction(args, engine_args)
    return engine_args, engine_args.create_engine_config(usage_context=UsageContext.OPENAI_API_SERVER)
