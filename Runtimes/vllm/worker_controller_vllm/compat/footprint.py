"""What an engine that nobody has measured will take of its device."""

import os
from pathlib import Path
from typing import Any

OVERHEAD_BYTES = 512 << 20
WEIGHTS_FACTOR = 1.1
_PATTERNS = ("*.safetensors", "*.bin", "*.pt", "*.gguf")


def footprint_bytes(config: Any) -> int:
    """The weight files' size times 1.1, every rank's KV cache, and 512 MiB (on GPUs for every rank); with vLLM's own
    share of the device's memory where no size of the cache is given, since vLLM then takes all of that."""
    ranks = config.parallel_config.world_size
    cache = config.cache_config
    if cache.kv_cache_memory_bytes is None:
        from vllm.platforms import current_platform

        return int(ranks * cache.gpu_memory_utilization * current_platform.get_device_total_memory())
    weights = weight_bytes(_folder_of(config.model_config))
    devices = 1 if config.device_config.device_type == "cpu" else ranks
    return int(weights * WEIGHTS_FACTOR) + ranks * cache.kv_cache_memory_bytes + devices * OVERHEAD_BYTES


def weight_bytes(folder: Path | None) -> int:
    """The size of a model's weight files, in the first of the known formats that it has; 0 where there are none."""
    if folder is None:
        return 0
    sizes = (sum(file.stat().st_size for file in folder.glob(pattern)) for pattern in _PATTERNS)
    return next((size for size in sizes if size), 0)


def _folder_of(model_config: Any) -> Path | None:
    """Where a model's files are; None for one of a hub that is not on this machine yet."""
    if os.path.isdir(model_config.model):
        return Path(model_config.model)
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(model_config.model, revision=model_config.revision, local_files_only=True))
    except Exception:  # Of many kinds; a footprint without weights is better than no engine.
        return None
