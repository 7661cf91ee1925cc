"""Which of an executor's environment variables its workers get: those that a process that it starts would act on."""

from collections.abc import Iterable, Mapping

PREFIXES = (
    "VLLM_",
    "HF_",
    "HUGGING_FACE_",
    "TRANSFORMERS_",
    "TORCH",
    "NCCL_",
    "GLOO_",
    "UCX_",
    "LMCACHE_",
    "FLASH_ATTENTION_",
)

OWN = frozenset(
    {
        "CUDA_VISIBLE_DEVICES",
        "VLLM_API_KEY",
        "VLLM_CPU_OMP_THREADS_BIND",
        "VLLM_DIST_IDENT",
        "VLLM_HOST_IP",
        "VLLM_HOST_PORT",
        "VLLM_NIXL_SIDE_CHANNEL_HOST",
        "VLLM_PORT",
        "VLLM_RPC_BASE_PATH",
    }
)
"""What each process has its own value of, or none at all."""


def for_workers(environment: Mapping[str, str], named: Iterable[str] = ()) -> dict[str, str]:
    """The part of `environment` for workers; `named` are further names to take over."""
    wanted = set(named)
    return {
        name: value
        for name, value in environment.items()
        if (name.startswith(PREFIXES) or name in wanted) and name not in OWN
    }
