"""Weights at memory speed: into memory that nobody has touched yet, copied on one thread, and repacked side by side as
they come, each matrix on one."""

import inspect
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import torch

from worker_controller_vllm.compat import fallback
from worker_controller_vllm.compat.early_repacking import EarlyRepacking
from worker_controller_vllm.compat.embeddings import Lookups
from worker_controller_vllm.compat.reload_record import quick_reload_record
from worker_controller_vllm.compat.threads import set_thread_count
from worker_controller_vllm.compat.untouched import untouched_models


@contextmanager
def fast_loading() -> Iterator[None]:
    """While it is active, vLLM loads a model in less time."""
    with untouched_models(), quick_reload_record(), _side_by_side():
        yield


@contextmanager
def _side_by_side() -> Iterator[None]:
    """While it is active, vLLM copies weights on one thread, and repacks those of several layers at the same time.

    Stock vLLM does both with all threads on one matrix after another, and most are too small for that: half of the
    time goes into waiting for each other, and far more where another process, as the engine's front end, wants the
    same processors. Only for plain linear layers; everything else is repacked as ever.
    """
    threads = torch.get_num_threads()
    try:
        from vllm.model_executor.layers import utils as layers
        from vllm.model_executor.model_loader import base_loader, default_loader
        from vllm.model_executor.model_loader import utils as loading

        repack = layers.dispatch_cpu_unquantized_gemm
        is_deferred = loading.is_deferred_attention_layer
        process = base_loader.process_weights_after_loading
        if (names := list(inspect.signature(repack).parameters)) != ["layer", "remove_weight"]:
            raise AttributeError(f"dispatch_cpu_unquantized_gemm has parameters {names}")
        load = default_loader.DefaultModelLoader.load_weights
        if (names := list(inspect.signature(load).parameters)) != ["self", "model", "model_config"]:
            raise AttributeError(f"load_weights has parameters {names}")
    except (ImportError, AttributeError) as error:
        fallback("copying and repacking weights side by side", error)
        threads = 1
    if threads == 1:
        yield
        return

    def process_on_all_threads(*values: Any, **named: Any) -> None:
        set_thread_count(threads)
        process(*values, **named)

    with _Repackers(threads) as repackers:
        set_thread_count(1)
        base_loader.process_weights_after_loading = process_on_all_threads
        early = EarlyRepacking(repackers.submit, repack, threads)
        lookups = Lookups(repack)

        def repack_unless(layer: Any, remove_weight: bool) -> None:
            if not early.has(layer) and not lookups.leave(layer):
                repackers.submit(lambda: repack(layer, remove_weight))

        def load_and_repack(loader: Any, model: torch.nn.Module, model_config: Any) -> None:
            lookups.watch(model)
            early.watch(model)
            load(loader, model, model_config)
            early.release()

        layers.dispatch_cpu_unquantized_gemm = repack_unless

        default_loader.DefaultModelLoader.load_weights = load_and_repack
        # What vLLM does after all linear layers begins with this question, and may look at any of them.
        loading.is_deferred_attention_layer = lambda layer: repackers.wait() or is_deferred(layer)
        try:
            yield
            repackers.wait()
        finally:
            default_loader.DefaultModelLoader.load_weights = load
            base_loader.process_weights_after_loading = process
            layers.dispatch_cpu_unquantized_gemm = repack
            loading.is_deferred_attention_layer = is_deferred


class _Repackers:
    """Threads that compute alone, and what they have not done yet."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._pool = ThreadPoolExecutor(count, "repack", initializer=set_thread_count, initargs=(1,))
        self._pending: list[Future[None]] = []

    def __enter__(self) -> "_Repackers":
        return self

    def __exit__(self, *_: Any) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        set_thread_count(self._count)  # torch keeps one figure for threads to come, and the last one set it.

    def submit(self, work: Callable[[], None]) -> Future[None]:
        future = self._pool.submit(work)
        self._pending.append(future)
        return future

    def wait(self) -> None:
        """Returns when all is repacked; raises what went wrong."""
        pending, self._pending = self._pending, []
        for work in pending:
            work.result()
