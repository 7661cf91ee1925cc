"""Matrices repacked while later ones are still being read."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import torch

from worker_controller_vllm.compat import fallback
from worker_controller_vllm.compat.embeddings import output_matrices

# So many matrices may wait for a thread, for each thread: they bound what is staged.
_AHEAD = 3


class EarlyRepacking:
    """Repacks a linear layer as soon as the last part of its parameters has been loaded into them, and the matrix that
    the output is computed with as soon as that is there.

    Stock vLLM loads all matrices before it repacks the first, and so touches twice the memory of the weights for the
    first time, which takes longer than the work on them. Here matrices are put together in memory that is used again
    and again, and only what they are repacked into is new.
    """

    def __init__(
        self, submit: Callable[[Callable[[], None]], Future[None]], repack: Callable[[Any, bool], None], threads: int
    ) -> None:
        """`submit` gets what is to be done on one of `threads` threads; `repack` is vLLM's."""
        self._submit = submit
        self._repack = repack
        self._staging = _Staging()
        self._ahead = threading.BoundedSemaphore(_AHEAD * threads)
        self._done: set[torch.nn.Module] = set()
        self._stock_loaders: list[tuple[Any, Callable[..., Any]]] = []

    def has(self, layer: torch.nn.Module) -> bool:
        """Whether it is repacked, or will be without another word."""
        return layer in self._done

    def watch(self, model: torch.nn.Module) -> None:
        """Counts what is loaded into the plain linear layers of `model`, and the like, until `release`."""
        try:
            from vllm.distributed import get_tensor_model_parallel_world_size
            from vllm.model_executor.layers.linear import UnquantizedLinearMethod
            from vllm.platforms import current_platform

            # With several ranks, more is loaded than what is kept of it. Zen's kernels may go on using the matrix.
            is_possible = current_platform.is_cpu() and not current_platform.is_zen_cpu()
            if not is_possible or get_tensor_model_parallel_world_size() > 1:
                return
            outputs = output_matrices(model)
        except (ImportError, AttributeError) as error:
            return fallback("repacking matrices while others are read", error)
        for layer in model.modules():
            is_plain = type(getattr(layer, "quant_method", None)) is UnquantizedLinearMethod
            # The second is set where a layer's matrix is used as it is.
            if is_plain and not getattr(layer, "_cpu_skip_gemm_dispatch", False):
                self._count(layer)
        for layer in outputs:
            self._follow(layer)

    def release(self) -> None:
        """All is loaded; what keeps its parameters can be loaded again without us."""
        while self._stock_loaders:
            parameter, loader = self._stock_loaders.pop()
            parameter.weight_loader = loader

    def _follow(self, layer: Any) -> None:
        """Its matrix stays in use: it is often the embedding as well. It is loaded at once, and may be loaded again."""
        matrix = layer.weight
        if matrix.is_meta or not hasattr(matrix, "weight_loader"):
            return
        stock = matrix.weight_loader
        repacked: Future[None] | None = None

        def load(*values: Any, **named: Any) -> Any:
            nonlocal repacked
            if repacked is not None:
                repacked.result()
            result = stock(*values, **named)
            self._done.add(layer)
            repacked = self._submit(lambda: self._repack(layer, False))
            return result

        self._stock_loaders.append((matrix, stock))
        matrix.weight_loader = load

    def _count(self, layer: torch.nn.Module) -> None:
        parameters = list(layer.parameters(recurse=False))
        if any(parameter.is_meta or not hasattr(parameter, "weight_loader") for parameter in parameters):
            return
        missing = {id(parameter): parameter.numel() for parameter in parameters}
        matrix = layer.weight

        def counting(stock: Callable[..., Any]) -> Callable[..., Any]:
            def load(parameter: Any, loaded: torch.Tensor, *values: Any, **named: Any) -> Any:
                if layer in self._done:
                    raise ValueError(
                        f"{type(layer).__name__} was complete, and gets a tensor {tuple(loaded.shape)} more"
                    )
                if parameter is matrix and missing[id(matrix)] == matrix.numel():
                    self._staging.lend(matrix)
                result = stock(parameter, loaded, *values, **named)
                if id(parameter) in missing:
                    missing[id(parameter)] -= loaded.numel()
                if not any(missing.values()):
                    self._done.add(layer)
                    self._ahead.acquire()
                    self._submit(lambda: self._replace(layer, matrix))
                return result

            return load

        for parameter in parameters:
            parameter.weight_loader = counting(parameter.weight_loader)

    def _replace(self, layer: Any, matrix: torch.nn.Parameter) -> None:
        try:
            self._repack(layer, True)
            if layer.weight is not matrix:
                self._staging.take_back(matrix)
        finally:
            self._ahead.release()


class _Staging:
    """Memory that matrices have until they are repacked."""

    def __init__(self) -> None:
        self._free: dict[int, list[torch.Tensor]] = {}
        self._lock = threading.Lock()

    def lend(self, matrix: torch.nn.Parameter) -> None:
        """`matrix` gives up its own, which nobody has touched yet."""
        size = matrix.numel() * matrix.element_size()
        with self._lock:
            free = self._free.setdefault(size, [])
            memory = free.pop() if free else torch.empty(size, dtype=torch.uint8)
        matrix.data = memory.view(matrix.dtype).view(matrix.shape)

    def take_back(self, matrix: torch.nn.Parameter) -> None:
        """`matrix` is empty then, if anybody still has it."""
        memory = matrix.data.view(-1).view(torch.uint8)
        matrix.data = torch.empty(0, dtype=matrix.dtype)
        with self._lock:
            self._free[memory.numel()].append(memory)
