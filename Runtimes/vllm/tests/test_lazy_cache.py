"""Memory of the KV cache that is mapped when it is used."""

import mmap
import os
import threading
import time
from pathlib import Path

import pytest
import torch

from worker_controller_vllm.compat.cache import REST_SECONDS, LazyCache

MIB = 1 << 20


def resident() -> int:
    """Of this whole process, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_a_large_tensor_is_zero_and_takes_memory_only_where_it_is_used() -> None:
    cache = LazyCache()
    before = resident()
    with cache:
        tensor = torch.zeros(256 * MIB, dtype=torch.int8, device="cpu")
    assert resident() - before < 8 * MIB
    assert cache.resident_bytes() == 0
    tensor[: 3 * MIB] = 7
    assert cache.resident_bytes() == 3 * MIB
    assert (tensor.shape, tensor.dtype, tensor.device.type) == ((256 * MIB,), torch.int8, "cpu")
    assert int(tensor[3 * MIB - 1]) == 7
    assert not tensor[3 * MIB : 5 * MIB].any() and not tensor[-MIB:].any()


@pytest.mark.parametrize("size", [8 * MIB, 8 * MIB + 100], ids=["whole pages", "part of a page"])
def test_the_use_of_several_tensors_is_added_up(size: int) -> None:
    """One for each layer, side by side in memory, where the kernel makes one mapping of what is alike."""
    cache = LazyCache()
    with cache:
        tensors = [torch.zeros(size, dtype=torch.int8, device="cpu") for _ in range(4)]
    for number, tensor in enumerate(tensors, start=1):
        tensor[:MIB] = 1
        assert cache.resident_bytes() == number * MIB


def test_other_memory_is_not_counted() -> None:
    cache = LazyCache()
    with cache:
        tensor = torch.zeros(4 * MIB, dtype=torch.int8, device="cpu")
    other = mmap.mmap(-1, 4 * MIB)
    other.write(b"x" * 4 * MIB)
    tensor[:MIB] = 1
    assert cache.resident_bytes() == MIB


def test_a_tensor_outlives_the_mode_and_what_allocated_it() -> None:
    cache = LazyCache()
    with cache:
        view = torch.zeros(4 * MIB, dtype=torch.int8, device="cpu").view(torch.bfloat16).view(64, -1)[3]
    del cache
    view.fill_(2.5)
    assert view.sum().item() == 2.5 * view.numel()


def test_vllms_views_of_a_cache_compute() -> None:
    with LazyCache():
        cache = torch.zeros(4 * MIB, dtype=torch.int8, device="cpu")
    blocks = cache.view(torch.bfloat16).view(2, -1, 64)
    blocks[1, :3] = 1
    assert (blocks[1, :4] @ torch.ones(64, dtype=torch.bfloat16)).tolist() == [64, 64, 64, 0]


@pytest.mark.parametrize(
    ("size", "options"),
    [
        (64, {"dtype": torch.int8}),
        (4 * MIB, {}),
        (4 * MIB, {"dtype": torch.float32}),
        (4 * MIB, {"dtype": torch.int8, "device": "meta"}),
        (4 * MIB, {"dtype": torch.int8, "requires_grad": False}),
        ((2, 2 * MIB), {"dtype": torch.int8}),
    ],
)
def test_other_tensors_are_made_as_ever(size: int | tuple[int, ...], options: dict) -> None:
    cache = LazyCache()
    with cache:
        found = torch.zeros(size, **options)
        stock_ones = torch.ones(4 * MIB, dtype=torch.int8)
    expected = torch.zeros(size, **options)
    assert (found.shape, found.dtype, found.device) == (expected.shape, expected.dtype, expected.device)
    assert int(stock_ones[-1]) == 1
    assert cache.resident_bytes() == 0 and cache._mappings == []


def test_outside_of_the_mode_nothing_is_mapped() -> None:
    cache = LazyCache()
    with cache:
        pass
    torch.zeros(4 * MIB, dtype=torch.int8, device="cpu")
    assert cache._mappings == []


def test_the_rest_is_made_ready_once_and_changes_nothing() -> None:
    cache = LazyCache()
    with cache:
        tensor = torch.zeros(9 * MIB, dtype=torch.int8, device="cpu")
    tensor[:MIB] = 7
    before = threading.active_count()
    for _ in range(3):
        cache.step_begins()
        cache.step_ended()
    assert threading.active_count() <= before + 1
    deadline = time.monotonic() + 20
    while cache.resident_bytes() < 9 * MIB:
        assert time.monotonic() < deadline
    assert bool((tensor[:MIB] == 7).all()) and not tensor[MIB:].any()


def test_nothing_is_made_ready_while_the_engine_computes() -> None:
    cache = LazyCache()
    with cache:
        tensor = torch.zeros(64 * MIB, dtype=torch.int8, device="cpu")
    cache.step_ended()
    cache.step_begins()
    time.sleep(3 * REST_SECONDS)
    assert cache.resident_bytes() == 0
    cache.step_ended()
    deadline = time.monotonic() + 20
    while cache.resident_bytes() < 64 * MIB:
        assert time.monotonic() < deadline
    assert not tensor.any()


def test_a_kernel_that_cannot_make_it_ready_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker_controller_vllm.compat.cache.populate", lambda *_: False)
    cache = LazyCache()
    with cache:
        tensor = torch.zeros(4 * MIB, dtype=torch.int8, device="cpu")
    cache.step_ended()
    assert not tensor.any()


def test_memory_is_given_back_with_its_tensors_when_the_cache_is_closed() -> None:
    threads = set(threading.enumerate())
    cache = LazyCache()
    with cache:
        tensor = torch.zeros(64 * MIB, dtype=torch.int8, device="cpu")
    tensor[:] = 1
    cache.step_ended()
    before = resident()
    cache.close()
    assert cache.resident_bytes() == 0
    assert int(tensor[-1]) == 1, "the memory is gone before its tensor"
    del tensor
    assert before - resident() > 60 * MIB
    assert set(threading.enumerate()) <= threads


def test_a_cache_that_is_being_made_ready_can_be_closed() -> None:
    cache = LazyCache()
    with cache:
        tensors = [torch.zeros(64 * MIB, dtype=torch.int8, device="cpu") for _ in range(4)]
    cache.step_begins()
    cache.step_ended()
    begin = time.monotonic()
    cache.close()
    assert time.monotonic() - begin < 5 * REST_SECONDS
    assert not tensors[3].any()
