"""What a front end or core serves, from its template or from scratch."""

import argparse
import os
import types
from typing import Any

import pytest
from orders import assignment, preparation

from worker_controller_vllm import engine_config
from worker_controller_vllm.arguments import ArgumentsError
from worker_controller_vllm.prepared import Prepared, from_scratch, from_template


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    made = dict(os.environ)
    monkeypatch.setattr(os, "environ", made)
    monkeypatch.setattr(engine_config.compat, "names_shared_buffer", lambda: True)
    return made


def contents() -> Prepared:
    args = argparse.Namespace(uds="/unused.sock", served_model_name=["m"], kv_cache_memory_bytes=1 << 28)
    config = types.SimpleNamespace(cache_config=types.SimpleNamespace(kv_cache_memory_bytes=1 << 28))
    return Prepared(args, None, config)


def test_an_engine_of_a_template_is_named_and_placed_by_its_assignment(environment: dict[str, str]) -> None:
    made = contents()
    given = assignment(names=["m", "e-3"], arguments={"max-num-seqs": 7}, environment={"NOT_AGAIN": "1"})
    assert from_template(made, preparation())(given) is made
    assert made.args.served_model_name == ["m", "e-3"] and made.args.uds == given.socket
    assert environment["VLLM_OBJECT_STORAGE_SHM_BUFFER_NAME"] == engine_config.shared_buffer_name(given)
    assert "NOT_AGAIN" not in environment


@pytest.mark.parametrize("name", ["kv-cache-memory-bytes", "kv_cache_memory_bytes"])
def test_an_assignment_says_how_large_the_cache_is(name: str) -> None:
    made = from_template(contents(), preparation())(assignment(arguments={name: 1 << 30}))
    assert made.config.cache_config.kv_cache_memory_bytes == 1 << 30


def test_without_a_size_the_templates_stays() -> None:
    made = from_template(contents(), preparation())(assignment())
    assert made.config.cache_config.kv_cache_memory_bytes == 1 << 28


def test_a_template_does_not_serve_another_path() -> None:
    with pytest.raises(ArgumentsError, match="this process was made for /m, not for /n"):
        from_template(contents(), preparation())(assignment(path="/n"))


@pytest.mark.parametrize(
    ("made", "given", "reason"),
    [
        ({}, {"executor": "remote"}, "made for a worker in the core, not for 1 leased worker$"),
        ({"executor": "remote"}, {}, "made for 1 leased worker, not for a worker in the core"),
        (
            {"executor": "remote", "world_size": 2},
            {"executor": "remote", "world_size": 4},
            "2 leased workers, not for ",
        ),
    ],
)
def test_a_template_does_not_serve_with_other_workers(made: dict, given: dict, reason: str) -> None:
    with pytest.raises(ArgumentsError, match=reason):
        from_template(contents(), preparation(**made))(assignment(**given))


def test_a_template_of_leased_workers_serves_with_as_many() -> None:
    workers = {"executor": "remote", "world_size": 2}
    from_template(contents(), preparation(**workers))(assignment(**workers))
    from_template(contents(), preparation(executor="in-process", world_size=1))(assignment())


def test_from_scratch_everything_is_made_of_the_assignment(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def make(*values: Any) -> tuple[str, str, str]:
        seen.extend(values)
        return "args", "engine_args", "config"

    monkeypatch.setattr(engine_config, "make", make)
    given, parser = assignment(), argparse.ArgumentParser()
    made = from_scratch(parser)(given)
    assert (made.args, made.engine_args, made.config) == ("args", "engine_args", "config")
    assert seen == [parser, given, given.socket]
    assert made.application is None and made.executor is None and not made.is_application_settled
