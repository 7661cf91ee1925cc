"""Makes a big model of random weights: ``python -m worker_controller_vllm.random_model FOLDER --tokenizer FOLDER``.

Starts of big models can be measured with it without downloading one: a llama in bfloat16 of the wished size, whose
answers mean nothing. The same seed gives the same weights.

The folder appears whole or not at all: everything is made beside it and renamed at the end.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from transformers import LlamaConfig

SEED = 0
SHARD_BYTES = 500_000_000
# Of ordinary weights at their initialisation: activations neither vanish nor overflow.
DEVIATION = 0.02


def config_of(size: int, vocabulary: int, ends: dict[str, int | None]) -> "LlamaConfig":
    """A llama of about `size` bytes: as many layers as come nearest, at least one."""
    from transformers import LlamaConfig

    hidden, intermediate, heads, kv_heads = 2048, 8192, 16, 4
    attention = 2 * hidden * hidden + 2 * hidden * hidden * kv_heads // heads
    parameters_per_layer = attention + 3 * hidden * intermediate
    embeddings = 2 * vocabulary * hidden
    return LlamaConfig(
        architectures=["LlamaForCausalLM"],
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=intermediate,
        num_hidden_layers=max(1, round((size / 2 - embeddings) / parameters_per_layer)),
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        max_position_embeddings=8192,
        tie_word_embeddings=False,
        dtype="bfloat16",
        **ends,
    )


def shapes_of(config: "LlamaConfig") -> "dict[str, torch.Size]":
    """The names and shapes of the weights, without the weights."""
    import torch
    from transformers import LlamaForCausalLM

    with torch.device("meta"):
        return {name: tensor.shape for name, tensor in LlamaForCausalLM(config).state_dict().items()}


def shards_of(shapes: "dict[str, torch.Size]") -> list[list[str]]:
    """The names in their order, in files of about `SHARD_BYTES`."""
    shards: list[list[str]] = [[]]
    filled = 0
    for name, shape in shapes.items():
        if filled >= SHARD_BYTES:
            shards.append([])
            filled = 0
        shards[-1].append(name)
        filled += 2 * shape.numel()
    return shards


def write_weights(folder: Path, shapes: "dict[str, torch.Size]") -> None:
    """Writes the shards and their index; no more than one shard is in memory at a time."""
    import torch
    from safetensors.torch import save_file

    generator = torch.Generator().manual_seed(SEED)

    def tensor(shape: "torch.Size") -> "torch.Tensor":
        # The only vectors of a llama are its norms.
        if len(shape) == 1:
            return torch.ones(shape, dtype=torch.bfloat16)
        return torch.empty(shape, dtype=torch.bfloat16).normal_(std=DEVIATION, generator=generator)

    shards = shards_of(shapes)
    places = {}
    for number, names in enumerate(shards, start=1):
        file = f"model-{number:05}-of-{len(shards):05}.safetensors"
        save_file({name: tensor(shapes[name]) for name in names}, folder / file, metadata={"format": "pt"})
        places |= dict.fromkeys(names, file)
    total = sum(2 * shape.numel() for shape in shapes.values())
    index = {"metadata": {"total_size": total}, "weight_map": places}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")


def make(target: Path, size: int, tokenizer_folder: Path) -> bool:
    """Makes the model folder `target` of about `size` bytes; false where it was there already."""
    if (target / "config.json").exists():
        return False
    if target.exists():
        raise FileExistsError(f"{target} exists and is not a model folder (no config.json); name another one")
    # Imported late: --help and the no-op of a finished folder should not wait seconds for torch.
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder)
    ends = {name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    config = config_of(size, len(tokenizer), ends)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as work:
        made = Path(work) / "model"
        made.mkdir()
        write_weights(made, shapes_of(config))
        tokenizer.save_pretrained(made)
        config.save_pretrained(made)
        made.rename(target)
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description="Make a llama of random weights as a model folder.")
    parser.add_argument("target", type=Path, help="the folder to make, e.g. models/random-3gb")
    parser.add_argument("--gigabytes", type=float, default=3, help="about how big its weights are, in 10^9 bytes (3)")
    parser.add_argument("--tokenizer", type=Path, required=True, help="a model folder whose tokenizer it gets")
    options = parser.parse_args()
    target = options.target.absolute()
    made = make(target, round(options.gigabytes * 1e9), options.tokenizer.absolute())
    print(f"{target}: {'made' if made else 'was there already'}")


if __name__ == "__main__":
    main()
