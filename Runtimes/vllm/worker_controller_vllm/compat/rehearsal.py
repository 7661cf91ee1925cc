"""A start in vain, in a worker that nobody has leased: a model of no use, with vLLM's own code, all taken down again.

A worker shares its memory with the zygote until it writes to it. Each page that a start writes to for the first time,
thousands of them, is a copy made while somebody waits; after a rehearsal the worker has its own.
"""

import json
import logging
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from worker_controller_vllm.compat import rendezvous
from worker_controller_vllm.compat.leftovers import Leftovers
from worker_controller_vllm.compat.loading import fast_loading
from worker_controller_vllm.errors import one_line
from worker_controller_vllm.runtime import NotClean

_MODEL = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "torch_dtype": "bfloat16",
    "vocab_size": 128,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 64,
}
_CACHE_BYTES = 1 << 20


class _Wanted(Exception):
    """Somebody waits for the worker."""


def rehearse(device: str, is_wanted: Callable[[], bool]) -> bool:
    """Creates and loads a model with random weights, and lets it go; ends early when `is_wanted`.

    False where it was not played to its end. Raises what vLLM does, and `NotClean` when something is left.
    """
    leftovers = Leftovers()
    meeting = rendezvous.new()
    executor: Any = None
    with _silent_vllm():
        try:
            executor = _executor_class(meeting, is_wanted)(_config())
            leftovers.watch_model(executor.driver_worker)
            return True
        except _Wanted:
            return False
        finally:
            try:
                with leftovers.kept_frozen(device):
                    if executor is not None:
                        executor.shutdown()
                    del executor
                    leftovers.remove()
            except Exception as error:
                raise NotClean(f"a rehearsal could not be taken down: {one_line(error)}") from error
            finally:
                rendezvous.remove(meeting)
            leftovers.check()


def _config() -> Any:
    from vllm.engine.arg_utils import EngineArgs

    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "config.json").write_text(json.dumps(_MODEL))
        arguments = EngineArgs(
            model=folder,
            skip_tokenizer_init=True,
            load_format="dummy",
            enforce_eager=True,
            max_num_seqs=1,
            kv_cache_memory_bytes=_CACHE_BYTES,
        )
        return arguments.create_engine_config()


def _executor_class(meeting: str, is_wanted: Callable[[], bool]) -> type:
    from vllm.v1.executor import uniproc_executor

    class Wrapper(uniproc_executor.WorkerWrapperBase):
        def load_model(self, *values: Any, **named: Any) -> None:
            if is_wanted():
                raise _Wanted
            self.worker.load_model(*values, **named)

    class Rehearsal(uniproc_executor.UniProcExecutor):
        def _init_executor(self) -> None:
            if is_wanted():
                raise _Wanted
            stock = uniproc_executor.WorkerWrapperBase
            uniproc_executor.WorkerWrapperBase = Wrapper
            try:
                with fast_loading():
                    super()._init_executor()
            finally:
                uniproc_executor.WorkerWrapperBase = stock

        def _distributed_args(self) -> tuple[str, int, int]:
            return meeting, 0, 0

    return Rehearsal


@contextmanager
def _silent_vllm() -> Iterator[None]:
    """While it is active, vLLM says nothing of what is no engine of anybody's."""
    from vllm import logger as once

    vllm = logging.getLogger("vllm")
    level = vllm.level
    vllm.setLevel(logging.ERROR)
    try:
        yield
    finally:
        vllm.setLevel(level)
        # What is said only once was not said yet.
        for name, function in vars(once).items():
            if name.startswith("_print_") and hasattr(function, "cache_clear"):
                function.cache_clear()
