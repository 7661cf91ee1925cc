"""vLLM's executor of one worker, in two steps: everything that needs no weights, then the weights."""

import inspect
from typing import Any

import torch

from worker_controller_vllm.compat import fallback
from worker_controller_vllm.compat.loading import fast_loading
from worker_controller_vllm.compat.reload_record import quick_reload_record
from worker_controller_vllm.compat.untouched import untouched_memory


def prepare_executor(config: Any) -> Any | None:
    """An executor with its device attached and its model created, whose weights `load` brings; None: not possible.

    The parameters of a created model are memory that nobody has written to, so it costs next to none.
    """
    from vllm.platforms import current_platform
    from vllm.v1.executor import uniproc_executor
    from vllm.v1.executor.uniproc_executor import UniProcExecutor

    wrapper = getattr(uniproc_executor, "WorkerWrapperBase", None)
    if wrapper is None or not hasattr(wrapper, "init_worker"):
        fallback("preparing an executor", "uniproc_executor.WorkerWrapperBase is not as expected")
        return None

    class LaterLoading(wrapper):
        """Its executor tells it to load where it cannot yet."""

        is_prepared = False

        def load_model(self, *values: Any, **named: Any) -> None:
            if not self.is_prepared:
                self.is_prepared = True
                return None
            return self.worker.load_model(*values, **named)

    class PreparedExecutor(UniProcExecutor):
        is_loaded = False

        def load(self) -> None:
            """Loads the weights, once."""
            with fast_loading():
                self.driver_worker.load_model()
            current_platform.update_block_size_for_backend(self.vllm_config)
            self.is_loaded = True

    stock = uniproc_executor.WorkerWrapperBase
    uniproc_executor.WorkerWrapperBase = LaterLoading
    try:
        executor = PreparedExecutor(config)
    finally:
        uniproc_executor.WorkerWrapperBase = stock
    _create_model_early(config)
    return executor


def _create_model_early(config: Any) -> None:
    """Creates the model now; vLLM's loader, when it comes to it, takes this one."""
    try:
        from vllm.model_executor.model_loader import get_model_loader
        from vllm.model_executor.model_loader.base_loader import BaseModelLoader
        from vllm.utils.torch_utils import set_default_torch_dtype

        stock = BaseModelLoader.create_model
    except (ImportError, AttributeError) as error:
        return fallback("creating the model early", error)
    names = list(inspect.signature(stock).parameters)
    if names != ["self", "vllm_config", "model_config", "prefix"]:
        return fallback("creating the model early", f"create_model has parameters {names}")
    loader = get_model_loader(config.load_config)
    if type(loader).load_model is not BaseModelLoader.load_model or type(loader).create_model is not stock:
        return None  # Another format's loader makes its models in its own way.
    device = torch.device(config.load_config.device or config.device_config.device)
    with untouched_memory(), quick_reload_record(), set_default_torch_dtype(config.model_config.dtype), device:
        model = loader.create_model(vllm_config=config, model_config=config.model_config)
    made = [model]

    def create_model(self: Any, vllm_config: Any, model_config: Any, prefix: str = "") -> Any:
        if made and vllm_config is config and model_config is config.model_config and not prefix:
            return made.pop()
        return stock(self, vllm_config, model_config, prefix)

    BaseModelLoader.create_model = create_model
    return None
