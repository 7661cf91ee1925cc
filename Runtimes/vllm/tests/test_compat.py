"""What of `compat` can be told without vLLM."""

import json
from pathlib import Path

import pytest

from worker_controller_vllm.compat.front_end import has_no_processor


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
