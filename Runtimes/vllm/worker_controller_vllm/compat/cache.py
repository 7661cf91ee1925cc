"""The KV cache on CPU, from memory that the kernel zeroes when a page is first used."""

import mmap
import threading
import time
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from worker_controller_vllm.memory import populate, resident_bytes

SMALLEST = 1 << 20
"""Smaller tensors are not worth a mapping of their own."""

FILL_BYTES = 2 << 20
"""How much memory is made ready at once: a fraction of a millisecond."""

REST_SECONDS = 0.1
"""An engine that has computed nothing for so long rests."""


class LazyCache(TorchFunctionMode):
    """While it is active, `torch.zeros` of a large CPU tensor maps memory instead of writing zeros to it.

    vLLM allocates its KV cache with `torch.zeros`, which costs 0.3 s for each GiB at every start. Pages are small on
    purpose: a request touches a little in each layer's part, and would have a huge page zeroed for each.
    """

    def __init__(self) -> None:
        super().__init__()
        self._mappings: list[tuple[int, int]] = []
        self._memory: list[mmap.mmap] = []
        self._filler: threading.Thread | None = None
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._is_in_step = False
        self._idle_since = 0.0

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if function is torch.zeros and (tensor := self._map(args, kwargs)) is not None:
            return tensor
        return function(*args, **kwargs)

    def resident_bytes(self) -> int:
        """How much of the mapped memory is in use; from any thread."""
        with self._lock:
            return sum(resident_bytes(start, size) for start, size in self._mappings)

    def step_begins(self) -> None:
        """The engine computes from now on."""
        self._is_in_step = True

    def step_ended(self) -> None:
        """The engine has computed. From the first time on the rest of the memory is made ready whenever it rests."""
        self._idle_since = time.monotonic()
        self._is_in_step = False
        if self._filler is None and self._mappings:
            self._filler = threading.Thread(target=self._fill, name="fill-cache", daemon=True)
            self._filler.start()

    def close(self) -> None:
        """Lets go of the memory, which is freed with its last tensor. No step may follow."""
        self._closed.set()
        if self._filler is not None:
            self._filler.join()
        with self._lock:
            self._mappings.clear()
            self._memory.clear()

    def _fill(self) -> None:
        """So that later answers need not pay for the pages that they are the first to use.

        Not at low priority instead of in pauses: whoever waited for the interpreter or for the map of the memory, which
        this holds for a moment each time, would then wait for as long as others keep the processors.
        """
        for start, size in self._mappings:
            for offset in range(0, size, FILL_BYTES):
                if not self._wait_for_rest():
                    return
                if not populate(start + offset, min(FILL_BYTES, size - offset)):
                    return  # An older kernel: pages come when they are used.

    def _wait_for_rest(self) -> bool:
        """Returns when the engine rests; false when there is nothing to make ready any more."""
        while self._is_in_step or time.monotonic() < self._idle_since + REST_SECONDS:
            if self._closed.wait(REST_SECONDS):
                return False
        return not self._closed.is_set()

    def _map(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> torch.Tensor | None:
        """The tensor; None for a call of another form than the allocation's: one size in bytes, on the CPU."""
        if len(args) != 1 or not isinstance(args[0], int) or set(kwargs) - {"dtype", "device"}:
            return None
        device = kwargs.get("device")
        if kwargs.get("dtype") is not torch.int8 or args[0] < SMALLEST:
            return None
        if device is None or torch.device(device).type != "cpu":
            return None
        memory = mmap.mmap(-1, args[0], flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        # Small pages, also where the kernel makes huge ones unasked.
        memory.madvise(mmap.MADV_NOHUGEPAGE)
        tensor = torch.frombuffer(memory, dtype=torch.int8)
        self._mappings.append((tensor.data_ptr(), args[0]))
        self._memory.append(memory)  # The address stays ours, whatever becomes of the tensor.
        return tensor
