"""The front end of an engine: vLLM's own OpenAI server on a Unix socket, its application built while the core loads."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from worker_controller_vllm import application
from worker_controller_vllm.compat import front_end as compat
from worker_controller_vllm.compat.config import name_process
from worker_controller_vllm.compat.threads import restore_thread_count
from worker_controller_vllm.door import listen
from worker_controller_vllm.engine_process import EngineProcess, Suspension, SuspensionOrder
from worker_controller_vllm.messages import Assign, Park, Sleep, Unpark
from worker_controller_vllm.prepared import Prepared, Preparing
from worker_controller_vllm.process_log import logger

BACKLOG = 2048
"""Connections that wait to be accepted; uvicorn's own default."""

_STARTED_POLL_SECONDS = 0.001
_CORE_END_SECONDS = 30.0
"""How long a front end whose engine died leaves it to the core to say why and end first."""


def run(process: EngineProcess, prepare: Preparing) -> None:
    """The main thread of a front end, from before its assignment to its end."""
    import uvloop

    assignment = process.wait_for_assignment()
    try:
        # First of all: the core, loading at the same time, must find its front end's sockets.
        addresses = compat.client_addresses(assignment.input_socket, assignment.output_socket)
        name_process("APIServer")
        restore_thread_count()
        contents = prepare(assignment)
        if not contents.is_application_settled:
            compat.log_server_start(contents.args)
            compat.skip_needless_processors()
            compat.share_first_tokenizer()
        process.stage_done("config")
        uvloop.run(_serve(process, assignment, contents, addresses))
    except Exception as error:
        process.fail(error)


async def _serve(process: EngineProcess, assignment: Assign, contents: Prepared, addresses: dict[str, Any]) -> None:
    early = contents.application
    if not contents.is_application_settled:
        early = await application.build_early(contents)
    elif early is not None and not compat.serve_under(early.app, contents.args):
        early = None
    server = None
    if early is not None:
        process.stage_done("app")
        # Before the core is there: nobody is sent here until `listen` is told.
        server = await _Server.start(early.engine, early.app, contents, assignment.socket)
    config = contents.config
    expected = (early.tasks if early else None, config.model_config.max_model_len)
    engine = compat.connect_engine(early.engine if early else None, contents.engine_args, config, addresses)
    await engine.reset_mm_cache()
    found = (tuple(await engine.get_supported_tasks()), config.model_config.max_model_len)
    if server is not None and found != expected:
        logger.warning("the application is built again: the core serves %s, expected was %s", found, expected)
        await server.stop()
        server = None
    if server is None:
        app = await compat.build_application(engine, contents.args, found[0])
        if early is None:
            process.stage_done("app")
        server = await _Server.start(engine, app, contents, assignment.socket)
    died = compat.death_of(engine)
    process.suspend_with(_suspension(engine))
    process.stage_done("listen")
    try:
        await server.wait()
    finally:
        await _let_dead_core_end_first(died)


class _Server:
    """vLLM's HTTP server of one application, from when it accepts to its end."""

    def __init__(self, app: Any, path: str, serving: asyncio.Task) -> None:
        self._app = app
        self._path = path
        self._serving = serving

    @classmethod
    async def start(cls, engine: Any, app: Any, contents: Prepared, path: str) -> "_Server":
        """Returns when uvicorn accepts; a server that ends before raises what ended it."""
        serving = asyncio.create_task(compat.serve_application(engine, app, contents.args, listen(path, BACKLOG)))
        while not getattr(getattr(app.state, "server", None), "started", False):
            if serving.done():
                serving.result()
                raise RuntimeError("the HTTP server ended before it had started")
            await asyncio.sleep(_STARTED_POLL_SECONDS)
        return cls(app, path, serving)

    async def wait(self) -> None:
        await (await self._serving)

    async def stop(self) -> None:
        self._app.state.server.should_exit = True
        await self.wait()
        os.unlink(self._path)


def _suspension(engine: Any) -> Suspension:
    """Parking, and for devices whose memory no template can keep (never run on a GPU) vLLM's own sleep."""
    loop = asyncio.get_running_loop()

    def carry_out(order: SuspensionOrder) -> Future[None]:
        return asyncio.run_coroutine_threadsafe(_carry_out(engine, order), loop)

    return carry_out


async def _carry_out(engine: Any, order: SuspensionOrder) -> None:
    if isinstance(order, Park):
        await compat.park(engine)
    elif isinstance(order, Unpark):
        await compat.unpark(engine)
    elif isinstance(order, Sleep):
        await engine.sleep(order.level)
    else:
        await engine.wake_up()


async def _let_dead_core_end_first(died: Callable[[], bool]) -> None:
    """Does not return when the engine has died: its core's end is the reason to look at, and must not come second.

    The core's end ends this process by the peer watch, with its own status.
    """
    if not died():
        return
    await asyncio.sleep(_CORE_END_SECONDS)
    raise RuntimeError(f"the engine died, and its core is still there after {_CORE_END_SECONDS:g} s")
