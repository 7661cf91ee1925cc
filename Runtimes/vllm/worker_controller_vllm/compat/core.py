"""vLLM's engine core, with its stages reported and without a handshake."""

import gc
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from worker_controller_vllm.compat import CHECKED_VERSIONS, fallback
from worker_controller_vllm.compat.cache import LazyCache
from worker_controller_vllm.compat.loading import fast_loading
from worker_controller_vllm.lease_client import Home
from worker_controller_vllm.prepared import Prepared

Mark = Callable[[str], None]
"""Reports the end of a stage of the core's start."""


def log_stats_of(engine_args: Any) -> bool:
    """Whether the core collects statistics: what `AsyncLLM` would tell a core that it starts itself."""
    from vllm.v1.metrics.loggers import load_stat_logger_plugin_factories

    return not engine_args.disable_log_stats or bool(load_stat_logger_plugin_factories())


def run_core(
    contents: Prepared,
    cache: LazyCache,
    input_socket: str,
    output_socket: str,
    turn: AbstractContextManager[object],
    mark: Mark,
    count_step: Callable[[], None],
    home: Home | None,
    workers_return: Callable[[], AbstractContextManager[None]],
) -> None:
    """vLLM's own core, with known addresses instead of a handshake; serves until it is ended.

    Computes within `turn`. `home` is what a core leases its workers for; None: it computes itself. Within
    `workers_return` an executor that was parked gets workers, and reports its stages by `mark` as at the start.

    With one data-parallel rank the stock handshake tells the core these two addresses and nothing else, and tells the
    front end nothing (`AsyncLLM` with `client_addresses` waits for the core's ready message on the input socket).
    """
    from contextlib import contextmanager

    from vllm.logger import configure_logging_if_needed
    from vllm.v1.engine import core
    from vllm.v1.engine.utils import EngineZmqAddresses

    for name in ("_perform_handshakes", "_initialize_kv_caches", "_process_engine_step"):
        if not hasattr(core.EngineCoreProc, name):
            # The stock handshake has nobody to speak with here, so there is nothing to fall back to.
            raise RuntimeError(f"this vLLM's EngineCoreProc has no {name}; {', '.join(CHECKED_VERSIONS)} was checked")
    is_cpu = contents.config.device_config.device_type == "cpu"
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
            allocate = self.model_executor.initialize_from_config
            if is_cpu:
                self.model_executor.initialize_from_config = lambda *values, **named: _within(
                    cache, allocate, values, named
                )
            result = super()._initialize_kv_caches(vllm_config)
            mark("kv_cache")
            return result

        def _process_engine_step(self) -> bool:
            count_step()
            cache.step_begins()
            try:
                with turn:
                    return super()._process_engine_step()
            finally:
                cache.step_ended()

        def shutdown(self) -> None:
            gc.disable()  # The stock method thaws the whole heap, and the process ends before a walk over it pays.
            super().shutdown()

    _load_tokenizer_on_first_use()
    _skip_final_cleanup(core)
    # The core's configuration is applied already (`check_arguments`); doing it again costs 0.1 s.
    if hasattr(core, "configure_logging"):
        core.configure_logging = configure_logging_if_needed
    # `run_engine_core` makes an `EngineCoreProc` by its module's name for it, and brings signals and error reports.
    core.EngineCoreProc = Core
    Core.run_engine_core(
        vllm_config=contents.config,
        local_client=True,
        handshake_address="",
        executor_class=_executor_maker(contents, mark, home, workers_return),
        log_stats=log_stats_of(contents.engine_args),
    )


def _executor_maker(
    contents: Prepared,
    mark: Mark,
    home: Home | None,
    workers_return: Callable[[], AbstractContextManager[None]],
) -> Callable[[Any], Any]:
    """What the core calls for its executor: the template's, where there is one."""
    from vllm.v1.executor import Executor

    if home is not None:
        from worker_controller_vllm.compat.remote_executor import of_core

        return of_core(home, mark, workers_return)
    executor = contents.executor
    if executor is None:
        return _marking_executor(Executor.get_class(contents.config), mark)

    def adopt(config: Any) -> Any:
        mark("attach")
        if not executor.is_loaded:
            executor.load()
        mark("load")
        return executor

    return adopt


def _marking_executor(base: type, mark: Mark) -> type:
    """`base` with the ends of `attach` and `load` reported."""
    from vllm.v1.executor import uniproc_executor

    wrapper = getattr(uniproc_executor, "WorkerWrapperBase", None)
    if wrapper is None or not hasattr(wrapper, "init_device"):
        fallback("telling the stages attach and load apart", "uniproc_executor.WorkerWrapperBase is not as expected")
    else:

        class MarkingWrapper(wrapper):
            def init_device(self) -> None:
                super().init_device()
                mark("attach")

        uniproc_executor.WorkerWrapperBase = MarkingWrapper

    class MarkingExecutor(base):
        def _init_executor(self) -> None:
            with fast_loading():
                super()._init_executor()
            mark("load")

    return MarkingExecutor


def _within(cache: LazyCache, allocate: Callable[..., Any], values: Any, named: Any) -> Any:
    with cache:
        return allocate(*values, **named)


def _skip_final_cleanup(core: Any) -> None:
    """Leaves out the collection after a core's last step: over a second in which nobody is told why it ends."""
    if not hasattr(core, "cleanup_dist_env_and_memory"):
        return fallback("ending a core at once", "core.cleanup_dist_env_and_memory is not there")
    core.cleanup_dist_env_and_memory = lambda: None


def _load_tokenizer_on_first_use() -> None:
    """The core needs a tokenizer only for structured output: loaded with the first such request, not at each start.

    Not before on another thread: loading holds the interpreter's lock for most of its time, and the engine's first
    request, which a cold start was made for, is there by then.
    """
    from vllm.v1 import structured_output

    try:
        load = structured_output.cached_tokenizer_from_config
        manager = structured_output.StructuredOutputManager
        names = manager.__init__.__code__.co_names
    except AttributeError as error:
        return fallback("loading the core's tokenizer on first use", error)
    if not {"cached_tokenizer_from_config", "tokenizer"} <= set(names) or hasattr(manager, "tokenizer"):
        return fallback("loading the core's tokenizer on first use", "StructuredOutputManager is not as expected")
    # The constructor sets `self.tokenizer` to what the loader gives: a promise, which the property keeps.
    structured_output.cached_tokenizer_from_config = lambda *values, **named: Later(lambda: load(*values, **named))
    manager.tokenizer = kept_promise("tokenizer")


class Later:
    """A value that is made when it is first wanted, once, by whichever thread that is."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make: Callable[[], Any] | None = make
        self._value: Any = None
        self._lock = threading.Lock()

    def value(self) -> Any:
        with self._lock:
            if self._make is not None:
                self._value = self._make()
                self._make = None
            return self._value


def kept_promise(name: str) -> property:
    """An attribute that may be set to a `Later` and gives its value."""
    own = f"_worker_controller_{name}"

    def get(instance: Any) -> Any:
        try:
            value = instance.__dict__[own]
        except KeyError:
            raise AttributeError(name) from None
        return value.value() if isinstance(value, Later) else value

    def set_to(instance: Any, value: Any) -> None:
        instance.__dict__[own] = value

    return property(get, set_to)
