"""Fixtures shared by the tests."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
FRAMES = REPOSITORY / "Tests" / "ControlProtocolTests" / "Frames" / "frames.json"


@pytest.fixture
def run_directory() -> Iterator[Path]:
    """A short path: a Unix socket's path may have 107 bytes, pytest's own folders are longer."""
    folder = Path(tempfile.mkdtemp(prefix="wc-"))
    yield folder
    shutil.rmtree(folder)
