"""Shared memory without a name in the file system, so that nothing stays behind when its users are killed."""

import mmap
import os
import types
from multiprocessing import shared_memory

from worker_controller_vllm.compat import fallback

IDENTITY_VARIABLE = "VLLM_DIST_IDENT"
"""vLLM's CPU worker keeps its group's identity here."""

_NAME = "vllm"
_FOLDER = "/dev/shm"


class AnonymousSharedMemory:
    """As `multiprocessing.shared_memory.SharedMemory`, of which vLLM's queues use this much.

    The kernel frees it when the last process that maps it has ended, however that came. Others find it by its
    creator's descriptor, so the creator must live while they open it, which it does: it waits for them. Nor does it
    need the tracker that Python would start, a process of its own for each worker.
    """

    def __init__(self, name: str | None = None, create: bool = False, size: int = 0) -> None:
        self._descriptor = -1
        if create:
            self._descriptor = os.memfd_create(_NAME, os.MFD_CLOEXEC)
            os.ftruncate(self._descriptor, size)
            self.name = f"/proc/{os.getpid()}/fd/{self._descriptor}"
        elif name is None:
            raise ValueError("'name' can only be None if create=True")
        else:
            self._descriptor = os.open(name, os.O_RDWR | os.O_CLOEXEC)
            self.name = name
        self.size = os.fstat(self._descriptor).st_size
        self._memory: mmap.mmap | None = mmap.mmap(self._descriptor, self.size)
        self.buf: memoryview | None = memoryview(self._memory)
        if not create:
            self.unlink()  # Only the creator's descriptor is what others look for.

    def close(self) -> None:
        """Gives up this process's view of it."""
        if self.buf is not None:
            self.buf.release()
            self.buf = None
        if self._memory is not None:
            self._memory.close()
            self._memory = None

    def unlink(self) -> None:
        """From now on nobody else can find it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __del__(self) -> None:
        self.unlink()


def use_anonymous_shared_memory() -> None:
    """Lets vLLM's message queues, and its search for ranks on the same node, share memory that has no name.

    In executors and in workers alike. Once per process; a second time changes nothing.
    """
    stand_in = types.SimpleNamespace(SharedMemory=AnonymousSharedMemory)
    try:
        from vllm.distributed import parallel_state
        from vllm.distributed.device_communicators import shm_broadcast

        modules = (shm_broadcast, parallel_state)
        if any(getattr(module.shared_memory, "SharedMemory", None) is AnonymousSharedMemory for module in modules):
            return
        if any(module.shared_memory is not shared_memory for module in modules):
            raise AttributeError("shared_memory is not Python's module")
    except (ImportError, AttributeError) as error:
        return fallback("sharing memory without names", error)
    for module in modules:
        module.shared_memory = stand_in


def remove_names(identity: str, folder: str = _FOLDER) -> None:
    """Removes the names under which ranks on CPU find the memory that vLLM's native code shares among them.

    They begin with the group's identity, which is random. The memory itself lives as long as its processes.
    """
    if not identity or not os.path.isdir(folder):
        return
    for name in os.listdir(folder):
        if name.startswith(f"{identity}-"):
            try:
                os.unlink(os.path.join(folder, name))
            except FileNotFoundError:
                pass  # Another rank was faster.
