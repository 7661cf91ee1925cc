"""Every use of a vLLM name that is not documented API, checked on vLLM 0.32.0.

vLLM's files are never changed. What is substituted here is substituted in a forked child only (or, where said, in the
zygote), checks that it finds what it expects, and otherwise leaves vLLM as it is, with one warning line.
"""

import inspect
import json
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Container, Coroutine
from pathlib import Path
from typing import Any

from worker_controller_vllm.process_log import logger

CHECKED_VERSIONS = ("0.32.0",)

Mark = Callable[[str], None]
"""Reports the end of a stage of the core's start."""


def vllm_version() -> str:
    from vllm.version import __version__

    return __version__


def warn_of_unchecked_version() -> None:
    if vllm_version() not in CHECKED_VERSIONS:
        logger.warning("vLLM %s was not tried with this package (%s was)", vllm_version(), ", ".join(CHECKED_VERSIONS))


def fallback(what: str, why: object) -> None:
    """The one line for a substitution that is not made."""
    logger.warning("%s: vLLM's stock behaviour is kept (%s)", what, why)


# In the zygote --------------------------------------------------------------------------------------------------------


def make_parser() -> ArgumentParser:
    """The parser of vLLM's OpenAI server. Making it reads no model."""
    from vllm.entrypoints.launchers.cli_args import make_arg_parser
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    return make_arg_parser(FlexibleArgumentParser())


def load_general_plugins() -> None:
    from vllm.plugins import load_general_plugins as load

    load()


def register_kernel_overrides_once() -> None:
    """Pays 0.5 s once in the zygote: vLLM registers the same C++ stand-ins for Triton kernels at each model load."""
    try:
        from vllm.platforms import current_platform

        current_platform.register_triton_kernel_overrides()
        kind = type(current_platform)
        if not inspect.ismethod(kind.register_triton_kernel_overrides):
            return fallback("registering kernel overrides once", "not a class method")
        kind.register_triton_kernel_overrides = classmethod(lambda cls: None)
    except Exception as error:
        fallback("registering kernel overrides once", error)


def configure_logging_once() -> None:
    """Applies vLLM's logging configuration, as a server does first of all; a child with the same one need not again.

    It costs 0.1 s: `dictConfig` clears the caches of all loggers for each of them.
    """
    from vllm.config.logging import LoggingConfig
    from vllm.logger import configure_logging_if_needed

    configure_logging_if_needed(LoggingConfig())


# In both processes of an engine ---------------------------------------------------------------------------------------


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


# In the front end -----------------------------------------------------------------------------------------------------


def log_server_start(args: Namespace) -> None:
    """What vLLM's server logs and sets before it makes its socket."""
    from vllm.entrypoints.launchers.launcher import validate_api_server_args
    from vllm.entrypoints.serve.utils.api_utils import log_non_default_args, log_version_and_model
    from vllm.logger import init_logger
    from vllm.utils.system_utils import set_ulimit

    vllm_logger = init_logger("vllm.entrypoints.launchers.launcher")
    log_version_and_model(vllm_logger, vllm_version(), args.model)
    log_non_default_args(args)
    validate_api_server_args(args)
    set_ulimit()


def client_addresses(input_socket: str, output_socket: str) -> dict[str, Any]:
    """Where the front end listens for its core: sockets bound now, before the core can dial.

    libzmq tries a refused connection again only after 100 ms, which would be paid at each start.
    """
    addresses: dict[str, Any] = {"input_address": f"ipc://{input_socket}", "output_address": f"ipc://{output_socket}"}
    try:
        import zmq
        from vllm.utils.network_utils import make_zmq_listener

        addresses["input_listener"] = make_zmq_listener(addresses["input_address"], zmq.ROUTER).socket
        addresses["output_listener"] = make_zmq_listener(addresses["output_address"], zmq.PULL).socket
    except (ImportError, TypeError, AttributeError) as error:
        fallback("binding the engine's sockets early", error)
    return addresses


def predicted_tasks(config: Any) -> tuple[str, ...] | None:
    """What the model will serve, as far as its class tells before its weights are loaded; None: only the core knows.

    A pooling model's tasks come from its pooler, an instance; a speech model's routes need more than one flag.
    """
    try:
        model_config = config.model_config
        info = model_config._model_info
        plain = info.is_text_generation_model and not info.supports_transcription
        return ("generate",) if model_config.runner_type == "generate" and plain else None
    except AttributeError as error:
        fallback("building the application before the core is ready", error)
        return None


def make_early_engine(config: Any) -> Any:
    """An `AsyncLLM` that is not connected yet: it has what the application reads while it is built.

    `connect_engine` later runs the constructor on this same object, so that the application holds the real engine and
    nothing stands between the two.
    """
    from vllm.renderers import renderer_from_config
    from vllm.v1.engine.async_llm import AsyncLLM
    from vllm.v1.engine.input_processor import InputProcessor

    class EarlyEngine(AsyncLLM):
        def __del__(self) -> None:
            if hasattr(self, "engine_core"):
                super().__del__()

    engine = EarlyEngine.__new__(EarlyEngine)
    engine.vllm_config = config
    engine.model_config = config.model_config
    engine.renderer = renderer_from_config(config)
    engine.input_processor = InputProcessor(config, engine.renderer)
    return engine


def connect_engine(engine: Any | None, engine_args: Any, config: Any, addresses: dict[str, Any]) -> Any:
    """The engine client, connected to its core; blocks until the core is ready.

    `engine` is what `make_early_engine` made, or None for a new one.
    """
    from vllm.usage.usage_lib import UsageContext
    from vllm.v1.engine import async_llm

    kind = async_llm.AsyncLLM
    if engine is not None:
        # `from_vllm_config` makes an object of its class: give it the early one, with the renderer that it has.
        kind = type("ConnectedEngine", (type(engine),), {"__new__": lambda cls, *_, **__: engine})
        engine.__class__ = kind
        made = {"renderer_from_config": engine.renderer, "InputProcessor": engine.input_processor}
        stock = {name: getattr(async_llm, name) for name in made}
        for name, value in made.items():
            setattr(async_llm, name, lambda *_, _value=value, **__: _value)
    try:
        return kind.from_vllm_config(
            vllm_config=config,
            usage_context=UsageContext.OPENAI_API_SERVER,
            enable_log_requests=engine_args.enable_log_requests,
            aggregate_engine_logging=engine_args.aggregate_engine_logging,
            disable_log_stats=engine_args.disable_log_stats,
            client_addresses=addresses,
        )
    finally:
        if engine is not None:
            for name, value in stock.items():
                setattr(async_llm, name, value)


async def build_application(engine: Any, args: Namespace, tasks: tuple[str, ...]) -> Any:
    """vLLM's whole OpenAI application for `engine`."""
    from vllm.entrypoints.launchers.api_server.app_state import init_app_state
    from vllm.entrypoints.launchers.app import build_app

    app = build_app(args, tasks, engine.model_config)
    await init_app_state(engine, app.state, args, tasks)
    return app


def serve_application(engine: Any, app: Any | None, args: Namespace, sock: Any) -> Coroutine[Any, Any, Any]:
    """vLLM's own `build_and_serve`, with the application that is there already instead of a new one."""
    from vllm.entrypoints.launchers.api_server import entry

    if app is not None:

        async def initialised(*_: Any) -> None:
            return None

        entry.build_app = lambda *_: app
        entry.init_app_state = initialised
    return entry.build_and_serve(engine, f"unix:{args.uds}", sock, args)


def skip_needless_processors() -> None:
    """vLLM looks for a chat template in the model's processor; for a text model that loads the tokenizer once more.

    Not looked for where transformers can only end at the tokenizer: a local folder without any processor's file, of a
    model type that has no processor. Saves 0.3 s of a front end's start.
    """
    try:
        from transformers.models.auto.processing_auto import PROCESSOR_MAPPING_NAMES
        from vllm.renderers import hf

        stock = hf._try_get_processor_chat_template
        names = list(inspect.signature(stock).parameters)
    except (ImportError, AttributeError) as error:
        return fallback("not loading a processor for text models", error)
    if names != ["tokenizer", "revision", "code_revision", "trust_remote_code"]:
        return fallback("not loading a processor for text models", f"parameters {names}")

    def without_needless_load(tokenizer: Any, **options: Any) -> str | None:
        folder = Path(tokenizer.name_or_path)
        if not options["trust_remote_code"] and has_no_processor(folder, PROCESSOR_MAPPING_NAMES):
            return None
        return stock(tokenizer, **options)

    hf._try_get_processor_chat_template = without_needless_load


def has_no_processor(folder: Path, processors: Container[str]) -> bool:
    """Whether a local model folder surely has no processor; false where it cannot be told."""
    try:
        config = json.loads((folder / "config.json").read_text())
        tokenizer_config = json.loads((folder / "tokenizer_config.json").read_text())
    except (OSError, ValueError):
        return False
    named = any("processor" in path.name or "extractor" in path.name for path in folder.iterdir())
    declared = any("processor_class" in part or "auto_map" in part for part in (config, tokenizer_config))
    known_type = config.get("model_type") in processors
    return not (named or declared or known_type or (folder / "chat_template.json").exists())


# In the core ----------------------------------------------------------------------------------------------------------


def log_stats_of(engine_args: Any) -> bool:
    """Whether the core collects statistics: what `AsyncLLM` would tell a core that it starts itself."""
    from vllm.v1.metrics.loggers import load_stat_logger_plugin_factories

    return not engine_args.disable_log_stats or bool(load_stat_logger_plugin_factories())


def run_core(
    config: Any, log_stats: bool, input_socket: str, output_socket: str, mark: Mark, count_step: Callable[[], None]
) -> None:
    """vLLM's own core, with known addresses instead of a handshake; serves until it is ended.

    With one data-parallel rank the stock handshake tells the core these two addresses and nothing else, and tells the
    front end nothing (`AsyncLLM` with `client_addresses` waits for the core's ready message on the input socket).
    """
    from contextlib import contextmanager

    from vllm.logger import configure_logging_if_needed
    from vllm.v1.engine import core
    from vllm.v1.engine.utils import EngineZmqAddresses
    from vllm.v1.executor import Executor

    addresses = EngineZmqAddresses(inputs=[f"ipc://{input_socket}"], outputs=[f"ipc://{output_socket}"])

    class Core(core.EngineCoreProc):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            mark("warm_up")

        @contextmanager
        def _perform_handshakes(self, address: str, identity: bytes, local: bool, vllm_config: Any, *_: Any):
            yield addresses
            vllm_config.__post_init__()  # As the stock handshake does at its end.

        def _initialize_kv_caches(self, vllm_config: Any) -> Any:
            result = super()._initialize_kv_caches(vllm_config)
            mark("kv_cache")
            return result

        def _process_engine_step(self) -> bool:
            count_step()
            return super()._process_engine_step()

    # The core's configuration is applied already (`check_arguments`); doing it again costs 0.1 s.
    if hasattr(core, "configure_logging"):
        core.configure_logging = configure_logging_if_needed
    # `run_engine_core` makes an `EngineCoreProc` by its module's name for it, and brings signals and error reports.
    core.EngineCoreProc = Core
    Core.run_engine_core(
        vllm_config=config,
        local_client=True,
        handshake_address="",
        executor_class=_marking_executor(Executor.get_class(config), mark),
        log_stats=log_stats,
    )


def _marking_executor(base: type, mark: Mark) -> type:
    """`base` with the end of `attach` and `load` reported; where they cannot be told apart, both at once."""
    from vllm.v1.executor import uniproc_executor

    marked: list[str] = []

    def attached() -> None:
        if not marked:
            marked.append("attach")
            mark("attach")

    wrapper = getattr(uniproc_executor, "WorkerWrapperBase", None)
    if wrapper is None or not hasattr(wrapper, "init_device"):
        fallback("telling the stages attach and load apart", "uniproc_executor.WorkerWrapperBase is not as expected")
    else:

        class MarkingWrapper(wrapper):
            def init_device(self) -> None:
                super().init_device()
                attached()

        uniproc_executor.WorkerWrapperBase = MarkingWrapper

    class MarkingExecutor(base):
        def _init_executor(self) -> None:
            super()._init_executor()
            attached()
            mark("load")

    return MarkingExecutor
