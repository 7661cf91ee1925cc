"""What a group of ranks on several devices needs, as far as it can be told without any."""

from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from worker_controller_vllm.compat.footprint import footprint_bytes
from worker_controller_vllm.compat.parallel_shape import OF_ONE, check_shape
from worker_controller_vllm.compat.peers import reduce_with_nccl


def config_of(device: str, ranks: int, folder: Path | None = None) -> Any:
    return SimpleNamespace(
        device_config=SimpleNamespace(device_type=device),
        parallel_config=SimpleNamespace(world_size=ranks, disable_custom_all_reduce=False),
        compilation_config=SimpleNamespace(pass_config=SimpleNamespace(fuse_allreduce_rms=True)),
        cache_config=SimpleNamespace(kv_cache_memory_bytes=100),
        model_config=SimpleNamespace(model=str(folder)),
    )


def test_ranks_that_see_one_gpu_each_exchange_everything_with_nccl() -> None:
    config = config_of("cuda", 2)
    environment = reduce_with_nccl(config)
    assert config.parallel_config.disable_custom_all_reduce
    assert not config.compilation_config.pass_config.fuse_allreduce_rms
    assert set(environment.values()) == {"0"}


@pytest.mark.real
def test_vllm_has_what_is_switched_off_and_looked_at() -> None:
    from vllm import envs
    from vllm.config import ParallelConfig
    from vllm.config.compilation import PassConfig

    assert reduce_with_nccl(config_of("cuda", 2)).keys() <= envs.environment_variables.keys()
    assert {field.name for field in fields(ParallelConfig)} >= {"disable_custom_all_reduce", *OF_ONE}
    assert {field.name for field in fields(PassConfig)} >= {"fuse_allreduce_rms"}


@pytest.mark.parametrize(("device", "ranks"), [("cuda", 1), ("cpu", 2)])
def test_where_there_is_one_device_nothing_is_changed(device: str, ranks: int) -> None:
    config = config_of(device, ranks)
    assert reduce_with_nccl(config) == {}
    assert not config.parallel_config.disable_custom_all_reduce
    assert config.compilation_config.pass_config.fuse_allreduce_rms


@pytest.mark.parametrize(("device", "ranks", "overheads"), [("cuda", 1, 1), ("cuda", 2, 2), ("cpu", 2, 1)])
def test_each_device_has_an_overhead_of_its_own(tmp_path: Path, device: str, ranks: int, overheads: int) -> None:
    (tmp_path / "model.safetensors").write_bytes(bytes(1000))
    assert footprint_bytes(config_of(device, ranks, tmp_path)) == 1100 + ranks * 100 + overheads * (512 << 20)


def shape_of(**sizes: int) -> Any:
    return SimpleNamespace(**{"tensor_parallel_size": 2, **dict.fromkeys(OF_ONE, 1), **sizes})


@pytest.mark.parametrize(
    "name", ["pipeline_parallel_size", "data_parallel_size", "prefill_context_parallel_size", "nnodes"]
)
def test_a_group_that_is_more_than_tensor_parallel_is_refused_by_name(name: str) -> None:
    with pytest.raises(ValueError) as caught:
        check_shape(shape_of(**{name: 3}))
    group = "leased workers make up one tensor-parallel group on this machine"
    assert str(caught.value) == f"{group}: {name} is 3, and has to be 1"


def test_a_tensor_parallel_group_is_taken() -> None:
    check_shape(shape_of())
    check_shape(shape_of(decode_context_parallel_size=2))
