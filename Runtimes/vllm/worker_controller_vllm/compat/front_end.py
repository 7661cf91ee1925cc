"""vLLM's OpenAI server, built while the core loads."""

import copy
import inspect
import json
import threading
from argparse import Namespace
from collections.abc import Callable, Container, Coroutine
from pathlib import Path
from typing import Any

from worker_controller_vllm.compat import CHECKED_VERSIONS, fallback, vllm_version
from worker_controller_vllm.lease_client import PARK, UNPARK


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

    A pooling model's tasks come from its pooler, an instance; a speech model's routes need more than one flag. None,
    too, for what only the core can settle or do: a context length of -1 (what fits into memory), and adapters, which
    are loaded into the running engine while the application is built.
    """
    try:
        model_config = config.model_config
        if config.lora_config is not None and config.lora_config.default_mm_loras:
            return None
        if model_config.original_max_model_len == -1:
            return None
        info = model_config._model_info
        plain = info.is_text_generation_model and not info.supports_transcription
        return ("generate",) if model_config.runner_type == "generate" and plain else None
    except AttributeError as error:
        fallback("building the application before the core is ready", error)
        return None


def shares_inputs(config: Any) -> bool:
    """Whether the model's inputs (images, sound) go to its core through memory that both processes map."""
    try:
        multimodal = config.model_config.multimodal_config
        return multimodal is not None and multimodal.mm_processor_cache_type == "shm"
    except AttributeError as error:
        fallback("looking for shared memory of inputs", error)
        return True


def load_tokenizer(config: Any) -> None:
    """Loads the tokenizer, which vLLM keeps and gives to whoever asks for it later."""
    from vllm.tokenizers import cached_tokenizer_from_config

    cached_tokenizer_from_config(config.model_config)


def make_early_engine(config: Any, tasks: tuple[str, ...]) -> Any:
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

        async def get_supported_tasks(self) -> tuple[str, ...]:
            return await super().get_supported_tasks() if hasattr(self, "engine_core") else tasks

        @property
        def errored(self) -> bool:
            return hasattr(self, "engine_core") and super().errored

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
        stock = {name: getattr(async_llm, name) for name in made if hasattr(async_llm, name)}
        if len(stock) < len(made):
            fallback("keeping the renderer of the early application", f"of async_llm only {list(stock)} is as expected")
        for name in stock:
            setattr(async_llm, name, lambda *_, _value=made[name], **__: _value)
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


def death_of(engine: Any) -> Callable[[], bool]:
    """Tells whether the engine has died, asked from now on; an engine that was shut down in order has not."""
    stock = engine.shutdown
    in_order = threading.Event()

    def shutdown(*values: Any, **named: Any) -> Any:
        in_order.set()
        return stock(*values, **named)

    engine.shutdown = shutdown
    return lambda: engine.errored and not in_order.is_set()


async def park(engine: Any) -> None:
    """Has the engine give its workers back. No request may be in it; what it remembers of earlier ones goes too."""
    if not await engine.reset_prefix_cache():
        raise RuntimeError("requests still hold parts of the KV cache")
    await engine.reset_mm_cache()
    await engine.reset_encoder_cache()
    await engine.collective_rpc(PARK)


async def unpark(engine: Any) -> None:
    """Has a parked engine lease workers, which load the model and make the same KV cache again."""
    await engine.collective_rpc(UNPARK)


async def build_application(engine: Any, args: Namespace, tasks: tuple[str, ...]) -> Any:
    """vLLM's whole OpenAI application for `engine`."""
    from vllm.entrypoints.launchers.api_server.app_state import init_app_state
    from vllm.entrypoints.launchers.app import build_app

    app = build_app(args, tasks, engine.model_config)
    await init_app_state(engine, app.state, args, tasks)
    return app


def serve_under(app: Any, args: Namespace) -> bool:
    """Names an application that was built in a template; false where it has to be built again for that.

    Its list of names is replaced in place, as all its parts have the same one.
    """
    try:
        from vllm.entrypoints.openai.models.protocol import BaseModelPath

        models = app.state.openai_serving_models
        if models.registry.base_model_paths is not models.base_model_paths:
            raise AttributeError("the registry has a list of names of its own")
        names = [BaseModelPath(name=name, model_path=args.model) for name in args.served_model_name]
    except (ImportError, AttributeError) as error:
        fallback("naming the template's application", error)
        return False
    models.base_model_paths[:] = names
    return True


def serve_application(engine: Any, app: Any, args: Namespace, sock: Any) -> Coroutine[Any, Any, Any]:
    """vLLM's own `build_and_serve`, with the application that is there already instead of a new one."""
    from vllm.entrypoints.launchers.api_server import entry

    async def initialised(*_: Any) -> None:
        return None

    if not (hasattr(entry, "build_app") and hasattr(entry, "init_app_state")):
        raise RuntimeError(f"this vLLM's build_and_serve is not as in {', '.join(CHECKED_VERSIONS)}")
    entry.build_app = lambda *_: app
    entry.init_app_state = initialised
    return entry.build_and_serve(engine, f"unix:{args.uds}", sock, args)


def share_first_tokenizer() -> None:
    """vLLM's pool of tokenizers begins with a deep copy of one that nobody uses; here it begins with that one.

    The pool makes further copies, as ever, when two threads need one at the same time. Saves 0.2 s and 36 MB of a front
    end or template (SmolLM2, 49,152 tokens).
    """
    try:
        from vllm.tokenizers import hf

        names = list(inspect.signature(hf.maybe_make_thread_pool).parameters)
        if names != ["tokenizer", "copies"] or hf.copy is not copy:
            raise AttributeError(f"maybe_make_thread_pool has parameters {names}, and copy is {hf.copy}")
    except (ImportError, AttributeError) as error:
        return fallback("keeping one tokenizer instead of two", error)
    hf.copy = _FirstIsShared()


class _FirstIsShared:
    """Stands for the module `copy`: the first deep copy of an object is the object itself."""

    copy = staticmethod(copy.copy)

    def __init__(self) -> None:
        self._given: list[Any] = []

    def deepcopy(self, original: Any) -> Any:
        if any(given is original for given in self._given):
            return copy.deepcopy(original)
        self._given.append(original)
        return original


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
