"""What an assignment's environment may set, and what it may not."""

import argparse
import logging
import os
import types
from typing import Any

import pytest

from worker_controller_vllm import engine_config
from worker_controller_vllm.arguments import ArgumentsError
from worker_controller_vllm.engine_config import set_environment, shared_buffer_name
from worker_controller_vllm.messages import Assign, Generation


def assignment(**changes: Any) -> Assign:
    fields: dict[str, Any] = {
        "id": 1,
        "engine": "e-3",
        "generation": Generation(4, 9),
        "names": ["m"],
        "path": "/m",
        "arguments": {},
        "environment": {},
        "socket": "/run/f/e-3.sock",
        "input_socket": "/x/in",
        "output_socket": "/x/out",
        "device": "cpu:0",
        "cores": [],
        "world_size": 1,
        "peer_pid": 1,
    }
    return Assign(**{**fields, **changes})


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
    set_environment(assignment())
    assert environment["VLLM_OBJECT_STORAGE_SHM_BUFFER_NAME"] == shared_buffer_name(assignment())
    set_environment(assignment(environment={"VLLM_OBJECT_STORAGE_SHM_BUFFER_NAME": "mine"}))
    assert environment["VLLM_OBJECT_STORAGE_SHM_BUFFER_NAME"] == "mine"


@pytest.mark.parametrize("size", [1, 3])
def test_a_configuration_of_several_workers_is_refused(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Whatever argument brought it about: vLLM has more of them than can be listed."""
    parser = argparse.ArgumentParser()
    for name in ("model", "uds", "distributed-executor-backend"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--served-model-name", nargs="+")
    parser.add_argument("--disable-uvicorn-access-log", action="store_true")
    config = types.SimpleNamespace(parallel_config=types.SimpleNamespace(world_size_across_dp=size))
    monkeypatch.setattr(engine_config.compat, "inspect_models_in_process", lambda: None)
    monkeypatch.setattr(engine_config.compat, "check_arguments", lambda args: None)
    monkeypatch.setattr(engine_config.compat, "make_engine_config", lambda args: (None, config))
    if size == 1:
        assert engine_config.make(parser, assignment())[2] is config
    else:
        with pytest.raises(ArgumentsError, match="the arguments ask for 3 workers; this runtime's engines have one"):
            engine_config.make(parser, assignment())
