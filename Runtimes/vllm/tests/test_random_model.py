from pathlib import Path

import pytest
import torch

from worker_controller_vllm import random_model


def test_size_and_shards() -> None:
    config = random_model.config_of(3_000_000_000, 49_152, {"eos_token_id": 2})
    shapes = random_model.shapes_of(config)
    size = sum(2 * shape.numel() for shape in shapes.values())
    assert abs(size / 3e9 - 1) < 0.03

    shards = random_model.shards_of(shapes)
    assert [name for names in shards for name in names] == list(shapes)
    largest = max(2 * shape.numel() for shape in shapes.values())
    for names in shards:
        assert 0 < sum(2 * shapes[name].numel() for name in names) < random_model.SHARD_BYTES + largest


def test_one_layer_is_the_least() -> None:
    assert random_model.config_of(1, 32, {}).num_hidden_layers == 1


def test_the_same_seed_gives_the_same_weights(tmp_path: Path) -> None:
    shapes = {"embedding": torch.Size((16, 8)), "norm": torch.Size((8,))}
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        random_model.write_weights(tmp_path / name, shapes)
    one, other = ({file.name: file.read_bytes() for file in (tmp_path / name).iterdir()} for name in ("one", "other"))
    assert one == other
    assert set(one) == {"model-00001-of-00001.safetensors", "model.safetensors.index.json"}


def test_what_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    assert not random_model.make(tmp_path, 1, tmp_path)

    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(FileExistsError, match="is not a model folder"):
        random_model.make(other, 1, tmp_path)
