"""What an engine's process says of errors, and how it knows its peer."""

import os
import subprocess
import sys

import pytest

from worker_controller_vllm.engine_process import is_another_process, parent_of
from worker_controller_vllm.errors import MAX_ERROR_CHARACTERS, one_line


class ValidationError(ValueError):
    """As pydantic's, which this package does not import."""

    def __init__(self, *found: dict) -> None:
        super().__init__("2 validation errors for ModelConfig\n  Value error, ...")
        self._found = found

    def errors(self, *, include_url: bool, include_context: bool, include_input: bool) -> list[dict]:
        assert not (include_url or include_context or include_input)
        return list(self._found)


def test_a_validation_error_is_told_by_its_messages() -> None:
    error = ValidationError(
        {"type": "value_error", "loc": (), "msg": "Value error, too long.\n  Make it shorter."},
        {"type": "greater_than", "loc": ("block_size", 0), "msg": "Input should be greater than 0"},
    )
    assert one_line(error) == "too long. Make it shorter.; block_size.0: Input should be greater than 0"
    assert len(one_line(ValidationError({"msg": "x" * 900}))) == MAX_ERROR_CHARACTERS


def test_pydantics_own_error_has_that_shape() -> None:
    pydantic = pytest.importorskip("pydantic")
    with pytest.raises(pydantic.ValidationError) as caught:
        pydantic.TypeAdapter(int).validate_python("many")
    assert one_line(caught.value).startswith("Input should be a valid integer")


def test_other_errors_keep_their_type() -> None:
    class Other(Exception):
        def errors(self) -> list[dict]:
            return []

    Other.__name__ = "ValidationError"
    assert one_line(Other("no")) == "ValidationError: no"
    assert one_line(ValueError("a\nb")) == "ValueError: a"


def test_a_parent_is_read_behind_any_name() -> None:
    assert parent_of(os.getpid()) == os.getppid()
    script = "import ctypes,sys; ctypes.CDLL(None).prctl(15, b') R 7 (x', 0, 0, 0); sys.stdin.read()"
    child = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE)
    try:
        assert parent_of(child.pid) == os.getpid()
    finally:
        child.communicate()


def test_a_process_that_is_no_child_of_the_zygote_is_no_peer() -> None:
    zygote = os.getppid()
    assert not is_another_process(os.getpid(), zygote, None)
    stranger = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        assert is_another_process(stranger.pid, zygote, None)
        # The child of a zygote that died has the controller, a subreaper, as its parent.
        assert not is_another_process(stranger.pid, zygote, os.getpid())
        # Not to be told once the zygote is gone: this process then has another parent than the zygote.
        assert not is_another_process(stranger.pid, zygote + 1, None)
    finally:
        stranger.communicate(b"\n")
