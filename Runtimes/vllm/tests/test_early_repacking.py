"""Linear layers that are repacked while others are loaded, in a model that stands in for vLLM's."""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest
import torch
from stand_in import stand_in

from worker_controller_vllm.compat.early_repacking import EarlyRepacking


class Plain:
    """As vLLM's method for linear layers that are not quantized."""


class Quantized(Plain):
    """Weights of which more is to be known."""


class PlainEmbedding:
    """As vLLM's method for embeddings and output matrices that are not quantized."""


class Linear(torch.nn.Module):
    """One of vLLM's: a matrix of two parts, as of a gate and its input, and perhaps a bias."""

    def __init__(self, method: Plain | PlainEmbedding, size: int = 8, bias: bool = False) -> None:
        super().__init__()
        self.quant_method = method
        self.weight = torch.nn.Parameter(torch.empty(2, size), requires_grad=False)
        self.weight.weight_loader = self.load_part
        if bias:
            self.bias = torch.nn.Parameter(torch.empty(2), requires_grad=False)
            self.bias.weight_loader = lambda parameter, loaded: parameter.data.copy_(loaded)
        self.packed: torch.Tensor | None = None

    def load_part(self, parameter: torch.nn.Parameter, loaded: torch.Tensor, row: int) -> None:
        parameter.data[row].copy_(loaded)


class World:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ranks, self.is_cpu, self.is_zen = 1, True, False
        stand_in(monkeypatch, "vllm.distributed", get_tensor_model_parallel_world_size=lambda: self.ranks)
        stand_in(monkeypatch, "vllm.model_executor.layers.linear", UnquantizedLinearMethod=Plain)
        stand_in(
            monkeypatch,
            "vllm.model_executor.layers.vocab_parallel_embedding",
            ParallelLMHead=Output,
            UnquantizedEmbeddingMethod=PlainEmbedding,
        )
        platform = type("Platform", (), {"is_cpu": lambda _: self.is_cpu, "is_zen_cpu": lambda _: self.is_zen})
        stand_in(monkeypatch, "vllm.platforms", current_platform=platform())
        self.keeps_matrix = False
        self.work: list[Callable[[], None]] = []
        self.early = EarlyRepacking(self.work.append, self._repack, threads=1)

    def model(self, *layers: torch.nn.Module) -> torch.nn.Module:
        model = torch.nn.Sequential(*layers)
        self.early.watch(model)
        return model

    def do_work(self) -> None:
        while self.work:
            self.work.pop(0)()

    def _repack(self, layer: Linear, remove_weight: bool) -> None:
        assert remove_weight != isinstance(layer, Output)
        layer.packed = layer.weight.detach().clone()
        if not self.keeps_matrix:
            layer.weight = torch.nn.Parameter(torch.empty(0), requires_grad=False)


class Output(Linear):
    """A matrix that the output is computed with; loaded at once, and kept."""

    def load_part(self, parameter: torch.nn.Parameter, loaded: torch.Tensor) -> None:
        parameter.data.copy_(loaded)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def load(layer: Any, *rows: int, value: float = 1.0) -> None:
    for row in rows:
        layer.weight.weight_loader(layer.weight, torch.full((layer.weight.shape[1],), value + row), row)


def test_a_layer_is_repacked_when_its_last_part_has_come(world: World) -> None:
    layer = Linear(Plain())
    world.model(layer)
    load(layer, 0)
    assert not world.early.has(layer) and not world.work
    load(layer, 1)
    assert world.early.has(layer) and len(world.work) == 1
    world.do_work()
    assert layer.packed is not None and layer.packed.tolist() == [[1.0] * 8, [2.0] * 8]


def test_a_bias_is_waited_for(world: World) -> None:
    layer = Linear(Plain(), bias=True)
    world.model(layer)
    load(layer, 0, 1)
    assert not world.early.has(layer)
    layer.bias.weight_loader(layer.bias, torch.ones(2))
    assert world.early.has(layer)


def test_the_next_matrix_is_put_together_where_the_last_one_was(world: World) -> None:
    layers = [Linear(Plain()) for _ in range(3)] + [Linear(Plain(), size=16)]
    world.model(*layers)
    places = []
    for number, layer in enumerate(layers):
        matrix = layer.weight
        load(layer, 0, value=number)
        places.append(matrix.data_ptr())
        load(layer, 1, value=number)
        world.do_work()
        assert matrix.numel() == 0  # Whoever still has the parameter holds no memory by it.
    assert places[0] == places[1] == places[2] != places[3]
    packed = [layer.packed for layer in layers]
    assert [None if matrix is None else matrix[:, 0].tolist() for matrix in packed] == [
        [0, 1],
        [1, 2],
        [2, 3],
        [3, 4],
    ]


def test_a_matrix_that_stays_in_use_keeps_its_memory(world: World) -> None:
    world.keeps_matrix = True
    first, second = Linear(Plain()), Linear(Plain())
    world.model(first, second)
    load(first, 0, 1)
    world.do_work()
    load(second, 0, 1, value=5)
    world.do_work()
    assert first.weight.tolist() == [[1.0] * 8, [2.0] * 8] and first.weight.data_ptr() != second.weight.data_ptr()


def test_what_is_never_complete_is_left_to_vllm_with_what_was_loaded(world: World) -> None:
    layer = Linear(Plain(), bias=True)
    world.model(layer)
    load(layer, 0, 1)
    world.do_work()
    assert not world.early.has(layer) and layer.packed is None
    assert layer.weight.tolist() == [[1.0] * 8, [2.0] * 8]


def test_a_part_too_many_is_told(world: World) -> None:
    layer = Linear(Plain())
    world.model(layer)
    loader, matrix = layer.weight.weight_loader, layer.weight
    load(layer, 0, 1)
    with pytest.raises(ValueError, match="Linear was complete, and gets a tensor \\(8,\\) more"):
        loader(matrix, torch.ones(8), 0)


def test_reading_waits_for_the_repacking(world: World) -> None:
    work: queue.Queue[Callable[[], None]] = queue.Queue()
    world.early = EarlyRepacking(work.put, world.early._repack, threads=1)
    layers = [Linear(Plain()) for _ in range(5)]
    world.model(*layers)
    reader = threading.Thread(target=lambda: [load(layer, 0, 1) for layer in layers])
    reader.start()
    first = [work.get(timeout=20) for _ in range(3)]
    reader.join(0.2)
    assert reader.is_alive() and work.empty()
    for repack in first:
        repack()
    for _ in layers[len(first) :]:
        work.get(timeout=20)()
    reader.join(20)
    assert not reader.is_alive() and all(layer.packed is not None for layer in layers)


def test_a_layer_that_cannot_be_repacked_does_not_stop_the_reading(world: World) -> None:
    layers = [Linear(Plain()) for _ in range(5)]
    world.model(*layers)

    def fail(layer: Any, remove_weight: bool) -> None:
        raise ValueError("a weight of no known shape")

    world.early._repack = fail
    for layer in layers:
        load(layer, 0, 1)
        with pytest.raises(ValueError, match="no known shape"):
            world.do_work()


@pytest.mark.parametrize("reason", ["quantized", "used as it is", "no loader", "several ranks", "no CPU", "Zen"])
def test_everything_else_is_left_to_vllm(world: World, reason: str) -> None:
    layer = Linear(Quantized() if reason == "quantized" else Plain())
    layer._cpu_skip_gemm_dispatch = reason == "used as it is"
    world.ranks = 2 if reason == "several ranks" else 1
    world.is_cpu, world.is_zen = reason != "no CPU", reason == "Zen"
    if reason == "no loader":
        del layer.weight.weight_loader
        world.model(layer)
        assert not hasattr(layer.weight, "weight_loader")
        return
    stock = layer.weight.weight_loader
    world.model(layer)
    assert layer.weight.weight_loader == stock


def test_an_output_matrix_is_repacked_when_it_has_come_and_keeps_its_memory(world: World) -> None:
    output = Output(PlainEmbedding())
    stock, memory = output.weight.weight_loader, output.weight.data_ptr()
    world.keeps_matrix = True
    world.model(output)
    assert not world.early.has(output)
    output.weight.weight_loader(output.weight, torch.ones(2, 8))
    assert world.early.has(output)
    world.do_work()
    assert output.packed is not None and output.packed.tolist() == [[1.0] * 8] * 2
    assert output.weight.data_ptr() == memory and output.weight.numel() == 16
    world.early.release()
    assert output.weight.weight_loader == stock


def test_an_output_matrix_that_comes_twice_is_repacked_after_each(world: World) -> None:
    pool: queue.Queue[tuple[Future[None], Callable[[], None]]] = queue.Queue()

    def submit(work: Callable[[], None]) -> Future[None]:
        pool.put((future := Future(), work))
        return future

    world.keeps_matrix = True
    world.early = EarlyRepacking(submit, world.early._repack, threads=1)
    output = Output(PlainEmbedding())
    world.model(output)
    output.weight.weight_loader(output.weight, torch.ones(2, 8))
    twos = torch.full((2, 8), 2.0)
    again = threading.Thread(target=output.weight.weight_loader, args=(output.weight, twos), daemon=True)
    again.start()
    for value in (1.0, 2.0):
        future, work = pool.get(timeout=20)
        again.join(0.2 if value == 1.0 else 20)
        assert output.weight[0, 0] == value  # The second one waits until the first is repacked.
        work()
        future.set_result(None)
        assert output.packed is not None and output.packed[0, 0] == value
    again.join(20)
    assert pool.empty()
