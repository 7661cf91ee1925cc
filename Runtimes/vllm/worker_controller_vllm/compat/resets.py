"""How a worker is made fit for its next engine: by platform, because what is left after a reset depends on it."""

from worker_controller_vllm.messages import ResetInPlace

CUDA_TOLERANCE_BYTES = 256 << 20
"""What a context may keep: kernels that were loaded stay in it as long as it lives. A guess, never tried on a GPU."""


def reset_of(device: str) -> ResetInPlace | None:
    """CUDA: in place, because a context is dear, and its memory can be looked at. CPU: workers are replaced, because a
    fork is sooner there than a reset, and clean (docs/benchmarks.md)."""
    return ResetInPlace(CUDA_TOLERANCE_BYTES) if device.startswith("cuda") else None
