"""Fixtures shared by the tests."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import tiny_model
from bench import Bench
from lease_desk import LeaseDesk
from real_leases import TOKENS
from real_runtime import RealRuntime
from user_vllm import UserScript

from worker_controller_vllm.engine_config import EXECUTOR

REPOSITORY = Path(__file__).resolve().parents[3]
FRAMES = REPOSITORY / "Tests" / "ControlProtocolTests" / "Frames" / "frames.json"
MODEL = REPOSITORY / "models" / "SmolLM2-135M-Instruct"


@pytest.fixture
def run_directory() -> Iterator[Path]:
    """A short path: a Unix socket's path may have 107 bytes, pytest's own folders are longer."""
    folder = Path(tempfile.mkdtemp(prefix="wc-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def bench(run_directory: Path, request: pytest.FixtureRequest) -> Iterator[Bench]:
    """A fake zygote; a parameter is its orphan time-out in milliseconds."""
    made = Bench(run_directory, getattr(request, "param", 300_000))
    yield made
    made.close()


@pytest.fixture(scope="module")
def runtime() -> Iterator[RealRuntime]:
    """One real zygote for all tests of a module."""
    if not MODEL.exists():
        pytest.fail(f"no demo model: python -m worker_controller_vllm.demo_model {MODEL}")
    folder = Path(tempfile.mkdtemp(prefix="wc-"))
    made = RealRuntime(folder / "run")
    yield made
    made.close()
    shutil.rmtree(folder)


@pytest.fixture
def desk(runtime: RealRuntime) -> Iterator[LeaseDesk]:
    """Two workers that nobody has used."""
    made = LeaseDesk(runtime, [runtime.fork("worker"), runtime.fork("worker")])
    yield made
    made.close()


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model that two workers can share."""
    return tiny_model.make(tmp_path_factory.mktemp("models") / "tiny", MODEL)


@pytest.fixture(scope="session")
def stock(tiny: Path) -> dict[Path, list[list[int]]]:
    """What a stock vLLM answers in one process."""
    answers = {}
    for path in (MODEL, tiny):
        script = UserScript(path, EXECUTOR, 1, TOKENS, {"VLLM_ENABLE_V1_MULTIPROCESSING": "0"})
        answers[path] = script.finish()
    return answers
