"""What an assignment's environment may set, and what it may not."""

import argparse
import logging
import os
import types
from typing import Any

import pytest
from orders import assignment, preparation

from worker_controller_vllm import engine_config
from worker_controller_vllm.arguments import ArgumentsError
from worker_controller_vllm.engine_config import name_shared_buffer, set_environment, shared_buffer_name
from worker_controller_vllm.messages import Generation


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A process environment of its own for each test, and a vLLM that names its shared buffer."""
    made = dict(os.environ)
    monkeypatch.setattr(os, "environ", made)
    monkeypatch.setattr(engine_config.compat, "names_shared_buffer", lambda: True)
    return made


def test_an_inherited_api_key_is_dropped(environment: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    environment["VLLM_API_KEY"] = "secret"
    with caplog.at_level(logging.WARNING):
        set_environment(assignment(environment={"A": "1"}))
    assert "VLLM_API_KEY" not in environment and environment["A"] == "1"
    assert "VLLM_API_KEY is not used" in caplog.text and "secret" not in caplog.text


@pytest.mark.parametrize("name", ["kv-cache-memory-bytes", "kv_cache_memory_bytes"])
def test_a_given_cache_size_is_not_overridden(environment: dict[str, str], name: str) -> None:
    set_environment(assignment(arguments={name: 1 << 28}, environment={"VLLM_CPU_KVCACHE_SPACE": "40"}))
    assert "VLLM_CPU_KVCACHE_SPACE" not in environment


@pytest.mark.parametrize("arguments", [{}, {"kv-cache-memory-bytes": None}])
def test_without_one_vllms_own_setting_stays(environment: dict[str, str], arguments: dict[str, Any]) -> None:
    environment["VLLM_CPU_KVCACHE_SPACE"] = "40"
    set_environment(assignment(arguments=arguments))
    assert environment["VLLM_CPU_KVCACHE_SPACE"] == "40"


def test_both_processes_of_one_start_find_the_same_buffer_and_no_others_do() -> None:
    name = shared_buffer_name(assignment())
    assert name == shared_buffer_name(assignment(peer_pid=2))
    others = (assignment(generation=Generation(4, 10)), assignment(socket="/other/f/e-3.sock"))
    assert name not in map(shared_buffer_name, others)
    assert len(shared_buffer_name(assignment(generation=Generation(99_999, 9_999_999)))) <= 30


def test_a_buffers_name_may_be_given(environment: dict[str, str]) -> None:
    environment["VLLM_OBJECT_STORAGE_SHM_BUFFER_NAME"] = "inherited"
    name_shared_buffer(assignment())
    assert environment["VLLM_OBJECT_STORAGE_SHM_BUFFER_NAME"] == shared_buffer_name(assignment())
    given = assignment(environment={"VLLM_OBJECT_STORAGE_SHM_BUFFER_NAME": "mine"})
    set_environment(given)
    name_shared_buffer(given)
    assert environment["VLLM_OBJECT_STORAGE_SHM_BUFFER_NAME"] == "mine"


@pytest.fixture
def made_with(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes a configuration of so many workers for an order, without vLLM; returns the parsed arguments too."""
    parser = argparse.ArgumentParser()
    for name in ("model", "uds", "distributed-executor-backend", "tensor-parallel-size"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--served-model-name", nargs="+")
    parser.add_argument("--disable-uvicorn-access-log", action="store_true")
    monkeypatch.setattr(engine_config.compat, "inspect_models_in_process", lambda: None)
    monkeypatch.setattr(engine_config.compat, "check_arguments", lambda args: None)

    def make(order: Any, workers: int) -> tuple[argparse.Namespace, Any]:
        config = types.SimpleNamespace(parallel_config=types.SimpleNamespace(world_size_across_dp=workers))
        monkeypatch.setattr(engine_config.compat, "make_engine_config", lambda args: (None, config))
        args, _, made = engine_config.make(parser, order, "/x/f.sock")
        assert made is config
        return args, made

    return make


@pytest.mark.parametrize("order", [assignment(), preparation()], ids=["assign", "prepare"])
def test_a_configuration_of_several_workers_is_refused(made_with: Any, order: Any) -> None:
    """Whatever argument brought it about: vLLM has more of them than can be listed."""
    made_with(order, 1)
    with pytest.raises(ArgumentsError, match="the arguments ask for 3 workers; this engine has 1"):
        made_with(order, 3)


@pytest.mark.parametrize("make", [assignment, preparation], ids=["assign", "prepare"])
def test_an_engine_of_leased_workers_has_as_many_as_it_was_given(made_with: Any, make: Any) -> None:
    order = make(executor="remote", world_size=2)
    args, _ = made_with(order, 2)
    assert (args.distributed_executor_backend, args.tensor_parallel_size) == (engine_config.REMOTE_EXECUTOR, "2")
    with pytest.raises(ArgumentsError, match="the arguments ask for 4 workers; this engine has 2"):
        made_with(order, 4)


@pytest.mark.parametrize("name", ["tensor-parallel-size", "distributed_executor_backend", "pipeline_parallel_size"])
def test_how_many_workers_there_are_is_no_argument(made_with: Any, name: str) -> None:
    with pytest.raises(ArgumentsError, match=f"argument '{name}' is decided by the controller"):
        made_with(assignment(executor="remote", world_size=2, arguments={name: 2}), 2)


def test_a_template_is_made_with_its_models_names_and_environment(made_with: Any, environment: dict[str, str]) -> None:
    args, _ = made_with(preparation(names=["m", "alias"], path="/models/m", environment={"A": "1"}), 1)
    assert (args.model, args.served_model_name, args.uds) == ("/models/m", ["m", "alias"], "/x/f.sock")
    assert args.distributed_executor_backend == engine_config.EXECUTOR
    assert environment["A"] == "1"
