"""vLLM's own worker in a process that is there before its engine and after it."""

import os
import pickle
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from tqdm import tqdm

from worker_controller_vllm.compat import fallback, rendezvous
from worker_controller_vllm.compat.cache import LazyCache
from worker_controller_vllm.compat.config import inspect_models_in_process, name_process
from worker_controller_vllm.compat.device import attach_device, device_bytes
from worker_controller_vllm.compat.leftovers import Leftovers
from worker_controller_vllm.compat.loading import fast_loading
from worker_controller_vllm.compat.queues import wait_in_naps, wait_unless
from worker_controller_vllm.compat.rehearsal import rehearse
from worker_controller_vllm.compat.resets import reset_of
from worker_controller_vllm.compat.shared_memory import (
    IDENTITY_VARIABLE,
    remove_names,
    use_anonymous_shared_memory,
)
from worker_controller_vllm.file_lock import FileLock
from worker_controller_vllm.memory import private_bytes
from worker_controller_vllm.messages import ResetInPlace
from worker_controller_vllm.process_log import logger
from worker_controller_vllm.rank_order import RankOrder
from worker_controller_vllm.threads import move_helpers, share_of, use_threads
from worker_controller_vllm.turns import Turns

STEP_METHODS = frozenset({"execute_model", "sample_tokens"})
"""Calls in which a worker computes; between them the KV cache may be made ready."""


class VllmRank:
    """One rank: vLLM's `WorkerProc` with its model (`runtime.Rank`)."""

    def __init__(self, worker: Any, cache: LazyCache, counter: "_Counter", is_over: Callable[[], bool]) -> None:
        self._worker = worker
        self._is_over = is_over
        self.ready = worker.worker_response_mq.export_handle()
        self.steps = counter.value
        self.cache_bytes = cache.resident_bytes

    def serve(self) -> None:
        """Runs vLLM's busy loop."""
        queues = (self._worker.rpc_broadcast_mq, self._worker.worker_response_mq)
        if not all(wait_unless(queue, self._is_over) for queue in queues):
            return
        try:
            self._worker.worker_busy_loop()
        except RuntimeError:
            if not self._is_over():  # A cancelled queue says it so.
                raise

    def cancel(self) -> None:
        """Wakes the busy loop for the last time."""
        for queue in (self._worker.rpc_broadcast_mq, self._worker.worker_response_mq):
            queue.shutdown()


class VllmWorkers:
    """What a worker does with vLLM (`runtime.WorkerRuntime`)."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._worker: Any = None
        self._cache = LazyCache()
        self._leftovers: Leftovers | None = None
        self._rendezvous = ""

    def attach(self, device: str) -> None:
        """Brings up the device, and what needs no model."""
        name_process("Worker")
        tqdm.monitor_interval = 0  # Progress bars would leave a thread behind.
        self._device = device
        attach_device(device)
        use_anonymous_shared_memory()
        if device.startswith("cpu"):
            wait_in_naps()
        inspect_models_in_process()

    def rehearse(self, is_wanted: Callable[[], bool]) -> None:
        """On CPU, where every engine gets a new worker. Never tried on a GPU."""
        if not self._device.startswith("cpu"):
            return
        begin = time.monotonic()
        if rehearse(self._device, is_wanted):
            logger.info("rehearsed a start in %.0f ms", (time.monotonic() - begin) * 1000)

    def reset_of(self, device: str) -> ResetInPlace | None:
        """As it was measured for the platform."""
        return reset_of(device)

    def owned_bytes(self) -> int | None:
        """Of a GPU's memory, or of the machine's."""
        return device_bytes() if self._device.startswith("cuda") else private_bytes() or None

    def make_rank(self, order: RankOrder, cores: Sequence[int], is_over: Callable[[], bool]) -> VllmRank:
        """Loads the model."""
        from vllm.logger import configure_logging_if_needed
        from vllm.v1.executor import multiproc_executor

        self._leftovers = leftovers = Leftovers()
        self._rendezvous = order.rendezvous
        os.environ.update(order.environment)
        config = pickle.loads(order.config)
        leftovers.expect(config)
        configure_logging_if_needed(config.logging_config)
        size = config.parallel_config.world_size
        threads = use_threads(cores or (share_of(os.sched_getaffinity(0), order.rank, size) if size > 1 else ()))
        move_helpers(os.sched_getaffinity(0))
        # Ranks wait for each other in the midst of a step, so that one that waited for its turn would hold up both.
        turn = self._turns.on(self._device, threads) if size == 1 else nullcontext()
        _keep_compilers_out(config)
        self._cache = cache = LazyCache()
        counter = _Counter()
        multiproc_executor.WorkerWrapperBase = _wrapper(
            leftovers.stock_wrapper, cache if self._device.startswith("cpu") else None
        )
        self._worker = _worker_class(multiproc_executor.WorkerProc, cache, counter, turn)(
            vllm_config=config,
            # A process sees one GPU only; on CPU it is a number without a meaning, and shows in log lines.
            local_rank=order.rank if self._device.startswith("cpu") else 0,
            rank=order.rank,
            distributed_init_method=order.rendezvous,
            input_shm_handle=order.steps,
            shared_worker_lock=FileLock(order.lock),
            is_driver_worker=order.is_driver,
        )
        leftovers.watch_model(self._worker)
        return VllmRank(self._worker, cache, counter, is_over)

    def let_go(self) -> None:
        """Takes everything down that vLLM does, and checks what is left."""
        worker, self._worker = self._worker, None
        leftovers, self._leftovers = self._leftovers, None
        self._cache.close()
        self._cache = LazyCache()
        if leftovers is None:
            return  # The executor went before it said what it wanted.
        try:
            with leftovers.kept_frozen(self._device):
                if worker is not None:
                    worker.shutdown()
                del worker
                leftovers.remove()
        finally:
            rendezvous.remove(self._rendezvous)
        leftovers.check()


class _Counter:
    """Calls so far; written by the main thread, read by the control thread."""

    def __init__(self) -> None:
        self._calls = 0

    def count(self) -> None:
        self._calls += 1

    def value(self) -> int:
        return self._calls


def _wrapper(stock: type, cache: LazyCache | None) -> type:
    """vLLM's wrapper of a worker, which loads at memory speed and gets its KV cache from `cache`."""

    class LeasedWrapper(stock):
        def init_device(self) -> None:
            super().init_device()
            # The ranks of this group have found each other's memory by now.
            remove_names(os.environ.get(IDENTITY_VARIABLE, ""))

        def load_model(self, *values: Any, **named: Any) -> None:
            with fast_loading():
                self.worker.load_model(*values, **named)

        def initialize_from_config(self, configs: Any) -> None:
            if cache is None:
                return super().initialize_from_config(configs)
            with cache:
                return super().initialize_from_config(configs)

    return LeasedWrapper


def _worker_class(stock: type, cache: LazyCache, counter: _Counter, turn: AbstractContextManager[object]) -> type:
    """vLLM's worker, which counts its calls, says when it computes, and does so within `turn`."""
    if not hasattr(stock, "_execute_worker_rpc"):
        fallback("counting a worker's steps", "WorkerProc has no _execute_worker_rpc")
        return stock

    class LeasedWorker(stock):
        def _execute_worker_rpc(self, request: Any) -> None:
            counter.count()
            if request[0] not in STEP_METHODS:
                return super()._execute_worker_rpc(request)
            cache.step_begins()
            try:
                with turn:
                    return super()._execute_worker_rpc(request)
            finally:
                cache.step_ended()

    return LeasedWorker


def _keep_compilers_out(config: Any) -> None:
    """vLLM has a few functions compiled at their first call, also where the model is not: seconds in a first token."""
    import torch
    from vllm.config import CompilationMode

    eager = config.compilation_config.mode == CompilationMode.NONE
    torch.compiler.set_stance("force_eager" if eager else "default")
