"""A device's context, brought up before any model is known."""

import torch

from worker_controller_vllm.threads import use_threads


def attach_device(device: str) -> None:
    """CPU: the threads. CUDA: context and allocator on the only device that this process sees (never run on a GPU)."""
    if device.startswith("cuda"):
        torch.cuda.set_device(0)
        torch.empty(1, device="cuda")
        torch.cuda.synchronize()
    else:
        use_threads([])
