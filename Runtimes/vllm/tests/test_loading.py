"""Weights that are repacked side by side, on modules that stand in for vLLM's."""

import logging
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from stand_in import stand_in, stand_in_reload_record

from worker_controller_vllm.compat.loading import fast_loading
from worker_controller_vllm.memory import resident_bytes


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    """Two of torch's, whatever the machine has."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


class Loader:
    """Loads ones."""

    def load_weights(self, model: torch.nn.Module, model_config: Any) -> None:
        for parameter in model.parameters():
            parameter.weight_loader(parameter, torch.ones_like(parameter))


class World:
    """vLLM's loader, as it was checked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done: list[tuple[str, bool]] = []
        self.together = threading.Barrier(2)
        self.layers: Any = stand_in(
            monkeypatch, "vllm.model_executor.layers.utils", dispatch_cpu_unquantized_gemm=self._repack
        )
        self.threads_at_process: list[int] = []
        self.base: Any = stand_in(
            monkeypatch,
            "vllm.model_executor.model_loader.base_loader",
            initialize_model=lambda: torch.empty(1 << 20),
            process_weights_after_loading=lambda: self.threads_at_process.append(torch.get_num_threads()),
        )
        self.loader: Any = stand_in(
            monkeypatch, "vllm.model_executor.model_loader.default_loader", DefaultModelLoader=Loader
        ).DefaultModelLoader
        self.loading: Any = stand_in_reload_record(monkeypatch, is_deferred_attention_layer=lambda layer: False)

    def repack(self, *layers: Any, remove_weight: bool = True) -> None:
        for layer in layers:
            self.layers.dispatch_cpu_unquantized_gemm(layer, remove_weight=remove_weight)

    def finish(self) -> list[tuple[str, bool]]:
        """What vLLM asks first when all linear layers are through; what was repacked by then."""
        assert self.loading.is_deferred_attention_layer("attention") is False
        return sorted(self.done)

    def _repack(self, layer: Any, remove_weight: bool) -> None:
        name = str(layer)
        if name == "broken":
            raise ValueError("a weight of no known shape")
        if name.startswith("pair"):
            self.together.wait(20)  # Comes back only when another one is being repacked.
        self.done.append((name, remove_weight))


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def test_layers_are_repacked_at_the_same_time_and_all_before_anything_else(world: World) -> None:
    with fast_loading():
        world.repack("pair 1", "pair 2", "other")
        assert world.finish() == [("other", True), ("pair 1", True), ("pair 2", True)]
        world.repack("late")
    assert ("late", True) in world.done
    assert torch.get_num_threads() == 2


def test_weights_are_copied_on_one_thread_and_the_rest_is_done_on_all(world: World) -> None:
    stock = world.base.process_weights_after_loading
    with fast_loading():
        assert torch.get_num_threads() == 1
        world.base.process_weights_after_loading()
    assert world.threads_at_process == [2] and torch.get_num_threads() == 2
    assert world.base.process_weights_after_loading is stock


@pytest.mark.parametrize("threads", [1, 2])
def test_a_model_is_created_in_memory_that_nobody_has_touched(world: World, threads: int) -> None:
    torch.set_num_threads(threads)
    with fast_loading():
        parameter = world.base.initialize_model()
    assert resident_bytes(parameter.data_ptr(), parameter.numel() * 4) == 0


def test_what_goes_wrong_in_a_layer_ends_the_loading(world: World) -> None:
    stock = world.layers.dispatch_cpu_unquantized_gemm
    with pytest.raises(ValueError, match="of no known shape"), fast_loading():
        world.repack("broken", "other")
        world.finish()
    assert world.layers.dispatch_cpu_unquantized_gemm is stock


class PlainEmbedding:
    """As vLLM's method for embeddings and output matrices that are not quantized."""


class Embedding(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.quant_method = PlainEmbedding()
        self.weight = torch.nn.Parameter(torch.zeros(2, 8), requires_grad=False)
        self.weight.weight_loader = _copy


class Output(Embedding):
    """vLLM's is an embedding too."""


def _copy(parameter: torch.nn.Parameter, loaded: torch.Tensor) -> None:
    parameter.data.copy_(loaded)


def test_of_two_embeddings_the_output_matrix_is_repacked_and_that_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(monkeypatch, "vllm.distributed", get_tensor_model_parallel_world_size=lambda: 1)
    stand_in(monkeypatch, "vllm.model_executor.layers.linear", UnquantizedLinearMethod=object())
    stand_in(
        monkeypatch,
        "vllm.model_executor.layers.vocab_parallel_embedding",
        ParallelLMHead=Output,
        VocabParallelEmbedding=Embedding,
        UnquantizedEmbeddingMethod=PlainEmbedding,
    )
    platform = type("Platform", (), {"is_cpu": lambda _: True, "is_zen_cpu": lambda _: False})
    stand_in(monkeypatch, "vllm.platforms", current_platform=platform())
    embedding, output = Embedding(), Output()
    with fast_loading():
        world.loader().load_weights(torch.nn.Sequential(embedding, output), None)
        assert output.weight.weight_loader is _copy and output.weight.sum() == 16
        assert world.finish() == [("Output()", False)]
        world.repack(embedding, output, remove_weight=False)
        assert world.finish() == [("Output()", False)]


@pytest.mark.parametrize("fails", [True, False])
def test_vllm_is_as_it_was_afterwards(world: World, fails: bool) -> None:
    def functions() -> list[Any]:
        return [
            world.layers.dispatch_cpu_unquantized_gemm,
            world.loading.is_deferred_attention_layer,
            world.loader.load_weights,
        ]

    stock = functions()
    before = threading.active_count()
    try:
        with fast_loading():
            assert all(now is not then for now, then in zip(functions(), stock, strict=True))
            world.repack("one")
            if fails:
                raise OSError("a file that cannot be read")
    except OSError:
        assert fails
    assert functions() == stock
    assert threading.active_count() == before and torch.get_num_threads() == 2


def test_one_thread_has_nobody_to_share_with(world: World, caplog: pytest.LogCaptureFixture) -> None:
    torch.set_num_threads(1)
    stock = world.layers.dispatch_cpu_unquantized_gemm
    with fast_loading():
        assert world.layers.dispatch_cpu_unquantized_gemm is stock
    assert caplog.records == []


@pytest.mark.parametrize("lacking", ["module", "repacking", "parameters", "question", "loader"])
def test_with_another_loader_vllm_repacks_as_ever(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, lacking: str
) -> None:
    if lacking == "module":
        stand_in(monkeypatch, "vllm.model_executor.layers")
        monkeypatch.delitem(sys.modules, "vllm.model_executor.layers.utils")
    elif lacking == "repacking":
        del world.layers.dispatch_cpu_unquantized_gemm
    elif lacking == "parameters":
        world.layers.dispatch_cpu_unquantized_gemm = lambda layer: None
    elif lacking == "question":
        del world.loading.is_deferred_attention_layer
    else:
        monkeypatch.setattr(world.loader, "load_weights", lambda self, model: None)
    found = dict(vars(world.layers))
    with caplog.at_level(logging.WARNING), fast_loading():
        assert dict(vars(world.layers)) == found
    (record,) = caplog.records
    assert record.getMessage().startswith(
        "copying and repacking weights side by side: vLLM's stock behaviour is kept ("
    )
