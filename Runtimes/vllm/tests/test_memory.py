"""What a process owns alone, and what it gives back."""

import ctypes
import os
import types

import pytest

from worker_controller_vllm import memory
from worker_controller_vllm.memory import give_back_free_memory, private_bytes

MIB = 1 << 20


def test_what_a_process_writes_is_its_own() -> None:
    before = private_bytes()
    held = bytearray(os.urandom(MIB)) * 32
    assert 31 * MIB < private_bytes() - before < 40 * MIB
    del held


def test_of_a_process_that_is_gone_nothing_is_known() -> None:
    assert private_bytes(1 << 30) == 0


def test_freed_memory_below_what_is_in_use_is_given_back() -> None:
    """By itself the C library gives back only what lies above all that is in use."""
    library = ctypes.CDLL(None)
    if not hasattr(library, "malloc_trim"):
        pytest.skip("another C library")
    library.malloc.restype = ctypes.c_void_p
    library.free.argtypes = [ctypes.c_void_p]
    size = 64 << 10  # Too small to get a mapping of its own.
    pieces = [library.malloc(size) for _ in range(1024)]
    for piece in pieces:
        ctypes.memset(piece, 1, size)
    *freed, kept = pieces
    for piece in freed:
        library.free(piece)
    before = private_bytes()
    give_back_free_memory()
    assert before - private_bytes() > 48 * MIB
    library.free(kept)


def test_a_c_library_that_cannot_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: types.SimpleNamespace())
    give_back_free_memory()
