"""Parameters of a new model in memory that nobody has written to, not even the allocator."""

import mmap
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from worker_controller_vllm.compat import fallback

SMALLEST = 1 << 20
"""In bytes; what is smaller comes from torch, as ever."""

_KNOWN = frozenset({"dtype", "device", "requires_grad"})


@contextmanager
def untouched_memory() -> Iterator[None]:
    """While it is active, large tensors that `torch.empty` makes on the CPU, on this thread, are mappings of their own.

    The C library writes a word at the beginning of what it allocates. With huge pages that has the kernel zero nearly
    all of a new model's memory, although a matrix that is repacked as it comes never uses its own; with small pages in
    that place, what comes there later cannot be in huge ones.
    """
    with _Mapped():
        yield


@contextmanager
def untouched_models() -> Iterator[None]:
    """While it is active, the models that vLLM creates have their parameters in untouched memory."""
    try:
        from vllm.model_executor.model_loader.base_loader import BaseModelLoader

        create = BaseModelLoader.create_model
    except (ImportError, AttributeError) as error:
        fallback("creating models in untouched memory", error)
        yield
        return

    def create_untouched(*values: Any, **named: Any) -> Any:
        with untouched_memory():
            return create(*values, **named)

    BaseModelLoader.create_model = create_untouched
    try:
        yield
    finally:
        BaseModelLoader.create_model = create


class _Mapped(TorchFunctionMode):
    def __torch_function__(
        self, function: Any, types: Any, values: tuple[Any, ...] = (), named: dict[str, Any] | None = None
    ) -> Any:
        named = named or {}
        if function is torch.empty and not named.keys() - _KNOWN:
            tensor = _mapped(values, **named)
            if tensor is not None:
                return tensor
        return function(*values, **named)


def _mapped(
    shape: tuple[Any, ...], dtype: torch.dtype | None = None, device: Any = None, requires_grad: bool = False
) -> torch.Tensor | None:
    """None for what is not large, or not on the CPU."""
    if torch.device(device or torch.get_default_device()).type != "cpu":
        return None
    dtype = dtype or torch.get_default_dtype()
    sizes = torch.Size(shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape)
    size = sizes.numel() * dtype.itemsize
    if size < SMALLEST:
        return None
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with suppress(OSError):  # A kernel without huge pages.
        memory.madvise(mmap.MADV_HUGEPAGE)
    return torch.frombuffer(memory, dtype=dtype).view(sizes).requires_grad_(requires_grad)
