"""A vLLM that was not tried with this package: one warning, and the same answers.

Run with `pytest -m real`; needs models/SmolLM2-135M-Instruct.
"""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import MODEL
from real_runtime import Engine, Member, RealRuntime, post

pytestmark = pytest.mark.real

PROGRAM = Path(__file__).parent / "unchecked_zygote.py"
PROMPTS = ["The capital of France is", "One, two, three,", "def add(a, b):"]


@pytest.fixture(scope="module")
def unchecked() -> Iterator[RealRuntime]:
    folder = Path(tempfile.mkdtemp(prefix="wc-"))
    made = RealRuntime(folder / "run", [str(PROGRAM)])
    yield made
    made.close()
    shutil.rmtree(folder)


def answers_of(runtime: RealRuntime, template: Member | None = None) -> list[list[int]]:
    engine = runtime.assign(runtime.fork_pair(template.peer if template else None), MODEL, "m")
    runtime.wait_until_ready(engine)
    answers = [tokens_of(engine, prompt) for prompt in PROMPTS]
    runtime.kill(engine)
    return answers


def tokens_of(engine: Engine, prompt: str) -> list[int]:
    options = {"max_tokens": 16, "ignore_eos": True, "return_token_ids": True}
    return post(engine, "/v1/completions", prompt=prompt, **options)["choices"][0]["token_ids"]


def test_a_version_that_nobody_tried_serves_and_is_told_once(runtime: RealRuntime, unchecked: RealRuntime) -> None:
    expected = answers_of(runtime)
    assert [len(answer) for answer in expected] == [16] * len(PROMPTS)
    assert answers_of(unchecked) == expected
    assert answers_of(unchecked, unchecked.make_template(MODEL, "m")) == expected
    warning = f"vLLM {unchecked.zygote.hello['versions']['vllm']} was not tried with this package (0.0.1 was)"
    assert unchecked.log.read_text().count(warning) == 1
    children = [log.read_text() for log in unchecked.log.parent.iterdir() if log != unchecked.log]
    assert len(children) == 5 and not [log for log in children if "was not tried" in log]
    assert "was not tried" not in runtime.log.read_text()
