"""What an engine leaves in a worker's process, taken away and looked for."""

import gc
import os
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from worker_controller_vllm.compat.threads import restore_thread_count
from worker_controller_vllm.memory import give_back_free_memory
from worker_controller_vllm.runtime import NotClean


class Leftovers:
    """The process as it was before an engine came; brings back what can be, and says what cannot."""

    def __init__(self) -> None:
        from vllm.v1.executor import multiproc_executor

        self.stock_wrapper: Any = multiproc_executor.WorkerWrapperBase
        self._environment = dict(os.environ)
        self._cores = os.sched_getaffinity(0)
        self._threads = set(threading.enumerate())
        self._model: weakref.ref[Any] | None = None
        self._lasting: list[str] = []

    def expect(self, config: Any) -> None:
        """Notes what of a configuration stays in the process for ever."""
        if config.model_config.trust_remote_code:
            self._lasting.append("the model's own code")
        if config.parallel_config.worker_extension_cls:
            self._lasting.append("an extension of the worker's class")
        if config.kv_transfer_config is not None or getattr(config, "ec_transfer_config", None) is not None:
            self._lasting.append("a connector to other engines")
        if config.parallel_config.world_size > 1 and config.device_config.device_type == "cpu":
            # vLLM's native code keeps it in a list that only grows.
            self._lasting.append("the shared memory of a group on CPU")

    def watch_model(self, worker: Any) -> None:
        """Remembers the model, without keeping it."""
        self._model = weakref.ref(worker.worker.get_model())

    @contextmanager
    def kept_frozen(self, device: str) -> Iterator[None]:
        """While it is active, vLLM's clean-up does not thaw the heap that this process shares with its zygote.

        Walking over it costs a second and copies its pages. On a GPU vLLM freezes what it made, and must thaw that.
        """
        stock = gc.unfreeze
        if device.startswith("cpu"):
            gc.unfreeze = lambda: None
        try:
            yield
        finally:
            gc.unfreeze = stock

    def remove(self) -> None:
        """Undoes what vLLM set for the whole process."""
        from vllm import envs
        from vllm.distributed import destroy_distributed_environment, destroy_model_parallel, parallel_state
        from vllm.v1.executor import multiproc_executor

        destroy_model_parallel()
        destroy_distributed_environment()
        # Names of groups are counted on; ranks in workers of different ages must call them alike.
        parallel_state._group_name_counter.clear()
        parallel_state._groups.clear()
        multiproc_executor.WorkerWrapperBase = self.stock_wrapper
        torch.compiler.set_stance("default")
        restore_thread_count()
        envs.disable_envs_cache()
        for name in os.environ.keys() - self._environment.keys():
            del os.environ[name]
        os.environ.update(self._environment)
        os.sched_setaffinity(0, self._cores)
        gc.collect()
        if torch.cuda.is_initialized():
            torch.cuda.empty_cache()
        give_back_free_memory()

    def check(self) -> None:
        """Raises `NotClean` with everything that is left."""
        from vllm.distributed.parallel_state import model_parallel_is_initialized

        found = list(self._lasting)
        if self._model is not None and self._model() is not None:
            found.append("the model")
        if model_parallel_is_initialized() or torch.distributed.is_initialized():
            found.append("its process groups")
        if left := [thread.name for thread in threading.enumerate() if thread not in self._threads]:
            found.append(f"threads ({', '.join(left)})")
        if found:
            raise NotClean(f"left behind: {', '.join(found)}")
