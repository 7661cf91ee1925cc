"""A device's context, brought up before any model is known, and what this process owns of the device."""

import os

import torch

from worker_controller_vllm.process_log import logger
from worker_controller_vllm.threads import use_threads

_FIRST_PID_NAMESPACE = "pid:[4026531836]"
"""The kernel's constant. The driver counts by the process ids of that one."""


def attach_device(device: str) -> None:
    """CPU: the threads. CUDA: context and allocator on the only device that this process sees (never run on a GPU)."""
    if device.startswith("cuda"):
        torch.cuda.set_device(0)
        torch.empty(1, device="cuda")
        torch.cuda.synchronize()
    else:
        use_threads([])


def device_bytes() -> int | None:
    """What this process owns of the only GPU that it sees, its context included. Never run on a GPU.

    None where the driver does not count by process (under MPS, say), or calls this process by another id (in a
    container). What the device has free says nothing then: other processes use it too.
    """
    from vllm.utils.import_utils import import_pynvml

    if (namespace := os.readlink("/proc/self/ns/pid")) != _FIRST_PID_NAMESPACE:
        return _not_told(f"the driver does not know the process ids of {namespace}")
    pynvml = import_pynvml()
    try:
        pynvml.nvmlInit()
        try:
            device = pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{torch.cuda.get_device_properties(0).uuid}")
            processes = pynvml.nvmlDeviceGetComputeRunningProcesses(device)
        finally:
            pynvml.nvmlShutdown()
    except pynvml.NVMLError as error:
        return _not_told(str(error))
    own = [process.usedGpuMemory for process in processes if process.pid == os.getpid()]
    if not own or own[0] is None:
        return _not_told("the driver does not count this process")
    return own[0]


def _not_told(reason: str) -> None:
    logger.warning("what this process owns of its device is not known: %s", reason)
