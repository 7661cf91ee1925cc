"""A vocabulary's matrices: the one that rows are looked up in, and the one that the output is computed with."""

from collections.abc import Callable
from typing import Any

import torch

from worker_controller_vllm.compat import fallback


class Lookups:
    """Embeddings that nothing multiplies by, and that are therefore not repacked.

    Stock vLLM repacks every embedding on a CPU, because some models compute their output with it. Where a model has an
    output matrix of its own, that copy takes as much memory and time as the embedding, and nobody reads it.
    """

    def __init__(self, repack: Callable[[Any, bool], None]) -> None:
        """`repack` is vLLM's."""
        self._repack = repack
        self._layers: set[torch.nn.Module] = set()

    def watch(self, model: torch.nn.Module) -> None:
        """Looks for such embeddings in `model`."""
        try:
            from vllm.model_executor.layers.vocab_parallel_embedding import ParallelLMHead, VocabParallelEmbedding
        except ImportError as error:
            return fallback("leaving embeddings as they are", error)
        layers = {layer for layer in model.modules() if isinstance(layer, VocabParallelEmbedding)}
        outputs = {layer for layer in layers if isinstance(layer, ParallelLMHead)}
        if outputs:
            self._layers |= layers - outputs

    def leave(self, layer: Any) -> bool:
        """Whether `layer` is one; if something multiplies by it after all, it is repacked then."""
        if layer not in self._layers:
            return False

        def repack_first(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> Any:
            self._repack(layer, False)
            return layer.cpu_linear(x, weight, bias)

        layer.cpu_linear = repack_first
        return True


def output_matrices(model: torch.nn.Module) -> list[Any]:
    """The plain ones among those that the output is computed with. Raises `ImportError` for another vLLM."""
    from vllm.model_executor.layers.vocab_parallel_embedding import ParallelLMHead, UnquantizedEmbeddingMethod

    return [
        layer
        for layer in model.modules()
        if isinstance(layer, ParallelLMHead) and type(layer.quant_method) is UnquantizedEmbeddingMethod
    ]
