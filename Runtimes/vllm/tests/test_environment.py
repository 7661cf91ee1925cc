"""The environment that a zygote executes itself with, and what its children get back."""

import os

import pytest

from worker_controller_vllm import environment


def test_a_zygote_computes_on_one_thread_and_a_child_as_the_user_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment.prepared({"OMP_NUM_THREADS": "3", "HOME": "/h"}).items():
        monkeypatch.setenv(name, value)
    assert os.environ["OMP_NUM_THREADS"] == "1"
    assert os.environ["VLLM_CPU_OMP_THREADS_BIND"] == "nobind"
    environment.restore_for_child()
    assert os.environ["OMP_NUM_THREADS"] == "3"
    assert "TOKENIZERS_PARALLELISM" not in os.environ
    assert not [name for name in os.environ if name.startswith("WORKER_CONTROLLER_SAVED_")]


def test_the_users_settings_win() -> None:
    assert environment.prepared({"VLLM_NO_USAGE_STATS": "0"})["VLLM_NO_USAGE_STATS"] == "0"


def test_vllms_own_time_limit_never_comes_first() -> None:
    # vLLM waits with poll(2), whose milliseconds are 32 bits.
    assert 3600 < int(environment.prepared({})["VLLM_ENGINE_READY_TIMEOUT_S"]) < (1 << 31) / 1000


def test_an_openmp_that_is_preloaded_already_is_left_alone() -> None:
    assert environment.stock_preload("/opt/libiomp5.so") == "/opt/libiomp5.so"
