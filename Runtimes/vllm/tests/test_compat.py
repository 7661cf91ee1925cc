"""What of `compat` can be told without vLLM."""

import asyncio
import json
import threading
import types
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from worker_controller_vllm import front_end
from worker_controller_vllm.compat import core
from worker_controller_vllm.compat.front_end import death_of, has_no_processor, predicted_tasks


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama"}))
    (tmp_path / "tokenizer_config.json").write_text("{}")
    (tmp_path / "chat_template.jinja").write_text("{{ messages }}")
    return tmp_path


def test_a_plain_text_model_has_no_processor(folder: Path) -> None:
    assert has_no_processor(folder, {"llava"})


@pytest.mark.parametrize(
    "name",
    ["processor_config.json", "preprocessor_config.json", "chat_template.json", "video_preprocessor_config.json"],
)
def test_a_processors_file_is_seen(folder: Path, name: str) -> None:
    (folder / name).write_text("{}")
    assert not has_no_processor(folder, {"llava"})


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
@pytest.mark.parametrize("key", ["processor_class", "auto_map"])
def test_a_declared_processor_is_seen(folder: Path, name: str, key: str) -> None:
    (folder / name).write_text(json.dumps({key: "X"}))
    assert not has_no_processor(folder, {"llava"})


def test_a_model_type_with_a_processor_is_seen(folder: Path) -> None:
    assert not has_no_processor(folder, {"llama"})


def test_what_cannot_be_read_is_left_to_vllm(tmp_path: Path) -> None:
    assert not has_no_processor(tmp_path / "org" / "hub-id", set())


class Manager:
    """As vLLM's `StructuredOutputManager` sets its tokenizer."""

    tokenizer = core.kept_promise("tokenizer")

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer


def test_a_promised_attribute_is_made_once_by_the_first_who_wants_it() -> None:
    made: list[str] = []
    ready = threading.Barrier(4)
    manager = Manager(core.Later(lambda: made.append("x") or object()))
    assert made == []

    def want() -> Any:
        ready.wait(10)
        return manager.tokenizer

    with ThreadPoolExecutor(4) as pool:
        found = {id(future.result()) for future in [pool.submit(want) for _ in range(4)]}
    assert made == ["x"] and found == {id(manager.tokenizer)}


def test_an_attribute_that_is_no_promise_stays_as_it_is() -> None:
    manager = Manager(None)
    assert manager.tokenizer is None
    manager.tokenizer = 3
    assert manager.tokenizer == 3
    assert not hasattr(Manager.__new__(Manager), "tokenizer")


def test_a_promise_that_cannot_be_kept_is_tried_again() -> None:
    attempts: list[int] = []

    def fail_once() -> str:
        attempts.append(1)
        if len(attempts) == 1:
            raise OSError("no such file")
        return "made"

    later = core.Later(fail_once)
    with pytest.raises(OSError):
        later.value()
    assert later.value() == "made"


def config_of(**changes: Any) -> Any:
    info = types.SimpleNamespace(is_text_generation_model=True, supports_transcription=False)
    model = types.SimpleNamespace(_model_info=info, runner_type="generate", original_max_model_len=2048)
    config = types.SimpleNamespace(model_config=model, lora_config=None)
    for name, value in changes.items():
        setattr(config if hasattr(config, name) else model, name, value)
    return config


def test_what_only_the_core_can_settle_is_not_built_early() -> None:
    adapters = types.SimpleNamespace(default_mm_loras={"audio": "/a"})
    plain = types.SimpleNamespace(default_mm_loras=None)
    assert predicted_tasks(config_of()) == predicted_tasks(config_of(lora_config=plain)) == ("generate",)
    assert predicted_tasks(config_of(original_max_model_len=None)) == ("generate",)
    assert predicted_tasks(config_of(original_max_model_len=-1)) is None
    assert predicted_tasks(config_of(lora_config=adapters)) is None
    assert predicted_tasks(config_of(runner_type="pooling")) is None


class Engine:
    errored = False

    def shutdown(self, timeout: float | None = None) -> None:
        self.errored = True


def test_an_engine_that_was_shut_down_has_not_died() -> None:
    died, stopped = Engine(), Engine()
    of_died, of_stopped = death_of(died), death_of(stopped)
    assert not of_died() and not of_stopped()
    died.errored = True
    stopped.shutdown(timeout=0)
    assert of_died() and not of_stopped()


def test_a_front_end_leaves_the_core_time_to_end_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front_end, "_CORE_END_SECONDS", 0.01)
    asyncio.run(front_end._let_dead_core_end_first(lambda: False))
    with pytest.raises(RuntimeError, match="its core is still there after 0.01 s"):
        asyncio.run(front_end._let_dead_core_end_first(lambda: True))
