"""vLLM's engine core, with its stages reported and without a handshake."""

from collections.abc import Callable
from typing import Any

from worker_controller_vllm.compat import CHECKED_VERSIONS, fallback

Mark = Callable[[str], None]
"""Reports the end of a stage of the core's start."""


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

    for name in ("_perform_handshakes", "_initialize_kv_caches", "_process_engine_step"):
        if not hasattr(core.EngineCoreProc, name):
            # The stock handshake has nobody to speak with here, so there is nothing to fall back to.
            raise RuntimeError(f"this vLLM's EngineCoreProc has no {name}; {', '.join(CHECKED_VERSIONS)} was checked")
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
            super()._init_executor()
            mark("load")

    return MarkingExecutor
