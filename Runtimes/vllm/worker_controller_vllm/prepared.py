"""What vLLM needs to serve a model, as far as it is there before weights are: made in a template, or in the engine's
own processes where there is none."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from worker_controller_vllm import engine_config
from worker_controller_vllm.arguments import ArgumentsError
from worker_controller_vllm.compat import config as config_compat
from worker_controller_vllm.messages import Assign, Prepare


@dataclass
class Application:
    """vLLM's OpenAI application, built before its engine is connected."""

    engine: Any
    app: Any
    tasks: tuple[str, ...]


@dataclass
class Prepared:
    """One model's arguments and configuration, and what was built of it already."""

    args: Namespace
    engine_args: Any
    config: Any
    application: Application | None = None
    executor: Any | None = None
    """A `PreparedExecutor`, where the device may be used before a fork."""
    is_application_settled: bool = False
    """Whether `application` is all that can be built early; None then means that nothing can."""


Preparing = Callable[[Assign], Prepared]
"""Gives a front end or core what it serves, at its assignment."""


def from_scratch(parser: ArgumentParser) -> Preparing:
    """For processes of a zygote, which know nothing of any model."""

    def prepare(assignment: Assign) -> Prepared:
        args, engine_args, config = engine_config.make(parser, assignment, assignment.socket)
        engine_config.name_shared_buffer(assignment)
        return Prepared(args, engine_args, config)

    return prepare


def from_template(contents: Prepared, order: Prepare) -> Preparing:
    """For processes of a template, which have all of it."""

    def prepare(assignment: Assign) -> Prepared:
        if assignment.path != order.path:
            raise ArgumentsError(f"this process was made for {order.path}, not for {assignment.path}")
        made, wanted = ((one.is_remote, one.world_size or 1) for one in (order, assignment))
        if made != wanted:
            raise ArgumentsError(f"this process was made for {_shape(*made)}, not for {_shape(*wanted)}")
        engine_config.name_shared_buffer(assignment)
        config_compat.name_instance(contents.config, engine_config.shared_buffer_name(assignment))
        contents.args.uds = assignment.socket
        contents.args.served_model_name = assignment.names
        if (size := engine_config.cache_bytes(assignment)) is not None:
            contents.config.cache_config.kv_cache_memory_bytes = size
        return contents

    return prepare


def _shape(is_remote: bool, size: int) -> str:
    return f"{size} leased worker{'s' if size > 1 else ''}" if is_remote else "a worker in the core"
