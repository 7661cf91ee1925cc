"""How vLLM may divide a model among leased workers."""

from typing import Any

OF_ONE = ("pipeline_parallel_size", "data_parallel_size", "prefill_context_parallel_size", "nnodes")
"""Sizes that each need further workers. Decode context parallelism does not: it divides the ranks that are there."""


def check_shape(parallel: Any) -> None:
    """Only ranks of one tensor-parallel group are leased. Raises `ValueError`."""
    refused = [f"{name} is {size}" for name in OF_ONE if (size := getattr(parallel, name)) != 1]
    if refused:
        raise ValueError(
            f"leased workers make up one tensor-parallel group on this machine: {', '.join(refused)}, and has to be 1"
        )
