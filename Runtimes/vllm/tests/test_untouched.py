"""Parameters of a new model in memory that nobody has written to."""

import logging
from typing import Any

import pytest
import torch
from stand_in import stand_in

from worker_controller_vllm.compat import untouched
from worker_controller_vllm.compat.untouched import SMALLEST, untouched_memory, untouched_models
from worker_controller_vllm.memory import resident_bytes

MIB = 1 << 20
LOADER = "vllm.model_executor.model_loader.base_loader"


def resident(tensor: torch.Tensor) -> int:
    return resident_bytes(tensor.data_ptr(), tensor.numel() * tensor.element_size())


def test_a_large_tensor_has_no_memory_until_it_is_written_to() -> None:
    with untouched_memory():
        matrix = torch.empty(8, MIB, dtype=torch.bfloat16)
    assert resident(matrix) == 0
    assert matrix.shape == (8, MIB) and matrix.dtype == torch.bfloat16 and not matrix.requires_grad
    matrix.fill_(1.5)
    assert resident(matrix) == matrix.numel() * 2 and float(matrix[7, -1]) == 1.5


@pytest.mark.parametrize("shape", [((MIB, 2),), (torch.Size([MIB, 2]),), (MIB, 2), ([MIB, 2],)])
def test_the_size_is_given_in_any_of_torchs_ways(shape: tuple[Any, ...]) -> None:
    with untouched_memory():
        matrix = torch.empty(*shape, requires_grad=True)
    assert matrix.shape == (MIB, 2) and matrix.dtype == torch.float32 and matrix.requires_grad
    assert resident(matrix) == 0


def test_dtype_and_device_are_the_present_ones() -> None:
    torch.set_default_dtype(torch.float16)
    try:
        with torch.device("cpu"), untouched_memory():
            assert torch.empty(MIB).dtype == torch.float16
    finally:
        torch.set_default_dtype(torch.float32)
    with torch.device("meta"), untouched_memory():
        assert torch.empty(MIB).is_meta
    with untouched_memory():
        assert torch.empty(MIB, device="meta").is_meta


def test_everything_else_is_torchs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(untouched.mmap, "mmap", None)
    with untouched_memory():
        assert torch.empty(SMALLEST - 1, dtype=torch.uint8).shape == (SMALLEST - 1,)
        assert torch.empty(MIB, memory_format=torch.contiguous_format).shape == (MIB,)
        assert float(torch.zeros(MIB).sum()) == 0
        with pytest.raises(TypeError):
            torch.empty(MIB)


def test_a_kernel_without_huge_pages_gives_small_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(untouched.mmap, "MADV_HUGEPAGE", 12345)
    with untouched_memory():
        assert resident(torch.empty(MIB)) == 0


def test_the_models_that_vllm_creates_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    loader: Any = stand_in(monkeypatch, LOADER, initialize_model=lambda size: torch.empty(size))
    stock = loader.initialize_model, torch.empty
    with pytest.raises(ValueError), untouched_models():
        assert resident(loader.initialize_model(size=MIB)) == 0
        raise ValueError
    assert (loader.initialize_model, torch.empty) == stock


def test_a_loader_that_is_not_known_creates_its_models_as_ever(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stand_in(monkeypatch, LOADER)
    with caplog.at_level(logging.WARNING), untouched_models():
        pass
    assert "creating models in untouched memory: vLLM's stock behaviour is kept" in caplog.text
