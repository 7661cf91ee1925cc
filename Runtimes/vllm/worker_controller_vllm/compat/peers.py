"""Ranks on several GPUs, each of which sees only its own. Never run on a GPU."""

from typing import Any

_NO_SHORTCUTS = {
    "VLLM_ALLREDUCE_USE_SYMM_MEM": "0",
    "VLLM_ALLREDUCE_USE_FLASHINFER": "0",
    "VLLM_ALLREDUCE_USE_FLASHINFER_PCIE_IPC": "0",
}


def reduce_with_nccl(config: Any) -> dict[str, str]:
    """Has the ranks of a group on GPUs exchange everything with NCCL; returns what their environment needs for it.

    NCCL finds the other ranks' GPUs by their buses. What vLLM has beside it asks for them by numbers, which only a
    process that sees them all has: its check for direct access fails with the first number that is not there.
    """
    if config.device_config.device_type == "cpu" or config.parallel_config.world_size == 1:
        return {}
    config.parallel_config.disable_custom_all_reduce = True
    config.compilation_config.pass_config.fuse_allreduce_rms = False
    return dict(_NO_SHORTCUTS)
