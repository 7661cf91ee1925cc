"""The front end of an engine: vLLM's own OpenAI server on a Unix socket, its application built while the core loads."""

import asyncio
import os
import socket
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from typing import Any

from worker_controller_vllm import engine_config
from worker_controller_vllm.compat import fallback
from worker_controller_vllm.compat import front_end as compat
from worker_controller_vllm.compat.config import name_process
from worker_controller_vllm.engine_process import EngineProcess
from worker_controller_vllm.messages import Assign
from worker_controller_vllm.process_log import logger

BACKLOG = 2048
"""Connections that wait to be accepted; uvicorn's own default."""

_STARTED_POLL_SECONDS = 0.001
_CORE_END_SECONDS = 30.0
"""How long a front end whose engine died leaves it to the core to say why and end first."""


def run(process: EngineProcess, parser: ArgumentParser) -> None:
    """The main thread of a front end, from before its assignment to its end."""
    import uvloop

    assignment = process.wait_for_assignment()
    try:
        # First of all: the core, loading at the same time, must find its front end's sockets.
        addresses = compat.client_addresses(assignment.input_socket, assignment.output_socket)
        name_process("APIServer")
        args, engine_args, config = engine_config.make(parser, assignment)
        compat.log_server_start(args)
        compat.skip_needless_processors()
        process.stage_done("config")
        uvloop.run(_serve(process, assignment, args, engine_args, config, addresses))
    except Exception as error:
        process.fail(error)


async def _serve(
    process: EngineProcess,
    assignment: Assign,
    args: Namespace,
    engine_args: Any,
    config: Any,
    addresses: dict[str, Any],
) -> None:
    early, app, tasks = await _build_early(config, args)
    if app is not None:
        process.stage_done("app")
    expected = (tasks, config.model_config.max_model_len)
    engine = compat.connect_engine(early, engine_args, config, addresses)
    await engine.reset_mm_cache()
    found = (tuple(await engine.get_supported_tasks()), config.model_config.max_model_len)
    if app is not None and found != expected:
        logger.warning("the application is built again: the core serves %s, expected was %s", found, expected)
        app = None
    if app is None:
        app = await compat.build_application(engine, args, found[0])
        if tasks is None or early is None:
            process.stage_done("app")
    died = compat.death_of(engine)
    serving = asyncio.create_task(compat.serve_application(engine, app, args, _listen(assignment.socket)))
    await _until_started(app, serving)
    process.stage_done("listen")
    try:
        await (await serving)
    finally:
        await _let_dead_core_end_first(died)


async def _build_early(config: Any, args: Namespace) -> tuple[Any | None, Any | None, tuple[str, ...] | None]:
    """The engine object, the application and the tasks that it was built for, before the core is ready.

    Only for models whose tasks are known by then; adapters are loaded into a running engine while the application is
    built. Whatever goes wrong here is tried again when the engine is there, and reported then.
    """
    tasks = compat.predicted_tasks(config)
    if tasks is None or args.lora_modules:
        return None, None, None
    try:
        engine = compat.make_early_engine(config)
        return engine, await compat.build_application(engine, args, tasks), tasks
    except (AttributeError, ImportError, TypeError) as error:
        fallback("building the application before the core is ready", error)
        return None, None, None


async def _let_dead_core_end_first(died: Callable[[], bool]) -> None:
    """Does not return when the engine has died: its core's end is the reason to look at, and must not come second.

    The core's end ends this process by the peer watch, with its own status.
    """
    if not died():
        return
    await asyncio.sleep(_CORE_END_SECONDS)
    raise RuntimeError(f"the engine died, and its core is still there after {_CORE_END_SECONDS:g} s")


def _listen(path: str) -> socket.socket:
    """The socket that the gateway's requests come through, for this user only."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(path)
    finally:
        os.umask(before)
    listener.listen(BACKLOG)
    return listener


async def _until_started(app: Any, serving: asyncio.Task) -> None:
    """Returns when uvicorn accepts; a server that ends before raises what ended it."""
    while not getattr(getattr(app.state, "server", None), "started", False):
        if serving.done():
            serving.result()
            raise RuntimeError("the HTTP server ended before it had started")
        await asyncio.sleep(_STARTED_POLL_SECONDS)
