"""Parameters of a new model in memory that nobody has written to, not even the allocator."""

import mmap
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import torch

from worker_controller_vllm.compat import fallback

SMALLEST = 1 << 20
"""In bytes; what is smaller comes from torch, as ever."""

_KNOWN = frozenset({"dtype", "device", "requires_grad"})


@contextmanager
def untouched_memory() -> Iterator[None]:
    """While it is active, large tensors that `torch.empty` makes on the CPU are mappings of their own.

    The C library writes a word at the beginning of what it allocates. With huge pages that has the kernel zero nearly
    all of a new model's memory, although a matrix that is repacked as it comes never uses its own; with small pages in
    that place, what comes there later cannot be in huge ones.
    """
    with torch.device("cpu"):
        stock = torch.empty
        stock(0)  # torch keeps a list of what takes a default device, made at the first use: with this one in it.

    def empty(*shape: Any, **named: Any) -> torch.Tensor:
        tensor = None if named.keys() - _KNOWN else _mapped(shape, **named)
        return stock(*shape, **named) if tensor is None else tensor

    torch.empty = empty
    try:
        yield
    finally:
        torch.empty = stock


@contextmanager
def untouched_models() -> Iterator[None]:
    """While it is active, the models that vLLM creates have their parameters in untouched memory."""
    try:
        from vllm.model_executor.model_loader import base_loader

        initialize = base_loader.initialize_model
    except (ImportError, AttributeError) as error:
        fallback("creating models in untouched memory", error)
        yield
        return

    def initialize_untouched(*values: Any, **named: Any) -> Any:
        with untouched_memory():
            return initialize(*values, **named)

    base_loader.initialize_model = initialize_untouched
    try:
        yield
    finally:
        base_loader.initialize_model = initialize


def _mapped(
    shape: tuple[Any, ...], dtype: torch.dtype | None = None, device: Any = None, requires_grad: bool = False
) -> torch.Tensor | None:
    """None for what is not large, or not on the CPU."""
    dtype = dtype or torch.get_default_dtype()
    sizes = torch.Size(shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape)
    size = sizes.numel() * dtype.itemsize
    if size < SMALLEST or torch.device(device or torch.get_default_device()).type != "cpu":
        return None
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with suppress(OSError):  # A kernel without huge pages.
        memory.madvise(mmap.MADV_HUGEPAGE)
    return torch.frombuffer(memory, dtype=dtype).view(sizes).requires_grad_(requires_grad)
