"""Embeddings that are only looked up in, in a model that stands in for vLLM's."""

import sys
from typing import Any

import pytest
import torch
from stand_in import stand_in

from worker_controller_vllm.compat.embeddings import Lookups

VOCABULARY = "vllm.model_executor.layers.vocab_parallel_embedding"


class Embedding(torch.nn.Module):
    cpu_linear: Any = None


class Output(Embedding):
    """vLLM's is an embedding too."""


class World:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        stand_in(monkeypatch, VOCABULARY, ParallelLMHead=Output, VocabParallelEmbedding=Embedding)
        self.repacked: list[tuple[Any, bool]] = []
        self.lookups = Lookups(self._repack)

    def _repack(self, layer: Any, remove_weight: bool) -> None:
        self.repacked.append((layer, remove_weight))
        layer.cpu_linear = lambda x, weight, bias: (x, weight, bias, len(self.repacked))


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def test_an_embedding_beside_an_output_matrix_is_left_as_it_is(world: World) -> None:
    embedding, output, linear = Embedding(), Output(), torch.nn.Linear(1, 1)
    world.lookups.watch(torch.nn.Sequential(embedding, linear, output))
    assert [world.lookups.leave(layer) for layer in (embedding, output, linear)] == [True, False, False]
    assert world.repacked == []


def test_it_is_repacked_once_if_something_multiplies_by_it(world: World) -> None:
    embedding = Embedding()
    world.lookups.watch(torch.nn.Sequential(embedding, Output()))
    assert world.lookups.leave(embedding)
    assert embedding.cpu_linear(1, 2, None) == (1, 2, None, 1)
    assert embedding.cpu_linear(3, 4, 5) == (3, 4, 5, 1)
    assert world.repacked == [(embedding, False)]


def test_an_embedding_that_is_the_output_matrix_itself_is_repacked(world: World) -> None:
    embedding = Embedding()
    world.lookups.watch(torch.nn.Sequential(embedding))
    assert not world.lookups.leave(embedding)


def test_with_another_vllm_all_are_repacked(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delattr(sys.modules[VOCABULARY], "ParallelLMHead")
    embedding = Embedding()
    world.lookups.watch(torch.nn.Sequential(embedding, Output()))
    assert not world.lookups.leave(embedding)
    (record,) = caplog.records
    assert record.getMessage().startswith("leaving embeddings as they are: vLLM's stock behaviour is kept (")
