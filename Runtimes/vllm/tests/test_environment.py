"""The environment that a zygote executes itself with, and what its children get back."""

import os
from pathlib import Path

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


@pytest.mark.parametrize(
    ("setting", "offered"),
    [
        ("always [madvise] never\n", True),
        # They come unasked.
        ("[always] madvise never\n", False),
        ("always madvise [never]\n", False),
        (None, False),
    ],
)
def test_huge_pages_are_asked_for_where_they_are_given_on_request(
    tmp_path: Path, setting: str | None, offered: bool
) -> None:
    file = tmp_path / "enabled"
    if setting is not None:
        file.write_text(setting)
    assert environment.huge_pages_are_offered(file) is offered


@pytest.mark.parametrize(
    ("present", "huge_pages", "expected"),
    [
        ("", False, "glibc.malloc.arena_max=1"),
        ("", True, "glibc.malloc.arena_max=1:glibc.malloc.hugetlb=1"),
        ("glibc.malloc.check=1", False, "glibc.malloc.check=1:glibc.malloc.arena_max=1"),
        ("glibc.malloc.hugetlb=2", True, "glibc.malloc.hugetlb=2:glibc.malloc.arena_max=1"),
        ("glibc.malloc.hugetlb=0:glibc.malloc.arena_max=4", True, "glibc.malloc.hugetlb=0:glibc.malloc.arena_max=4"),
    ],
)
def test_the_users_tunables_are_kept(present: str, huge_pages: bool, expected: str) -> None:
    assert environment.tunables(present, huge_pages) == expected


@pytest.mark.parametrize("offered", [True, False])
def test_a_zygote_executes_itself_with_the_tunables(monkeypatch: pytest.MonkeyPatch, offered: bool) -> None:
    monkeypatch.setattr(environment, "huge_pages_are_offered", lambda: offered)
    found = environment.prepared({"GLIBC_TUNABLES": "glibc.malloc.check=1"})["GLIBC_TUNABLES"]
    assert found == environment.tunables("glibc.malloc.check=1", offered)
    assert ("hugetlb=1" in environment.prepared({})["GLIBC_TUNABLES"]) is offered


def test_what_a_model_sets_in_its_template_stays_set_in_its_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are forked from a child of the zygote, which has put the user's values back already."""
    for name, value in environment.prepared({"OMP_NUM_THREADS": "3"}).items():
        monkeypatch.setenv(name, value)
    environment.restore_for_child()
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "true")
    environment.restore_for_child()
    assert (os.environ["OMP_NUM_THREADS"], os.environ["TOKENIZERS_PARALLELISM"]) == ("2", "true")
