"""Shared memory that has no name."""

import multiprocessing.shared_memory
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from stand_in import stand_in

from worker_controller_vllm.compat.shared_memory import (
    AnonymousSharedMemory,
    remove_names,
    use_anonymous_shared_memory,
)

READER = """
import sys
from worker_controller_vllm.compat.shared_memory import AnonymousSharedMemory
opened = AnonymousSharedMemory(name=sys.argv[1])
assert opened.size == 4096 and bytes(opened.buf[:2]) == b"hi"
opened.buf[2] = 33
opened.close()
"""


def test_another_process_sees_the_same_memory_and_nothing_has_a_name() -> None:
    before = set(os.listdir("/dev/shm"))
    made = AnonymousSharedMemory(create=True, size=4096)
    made.buf[:2] = b"hi"
    subprocess.run([sys.executable, "-c", READER, made.name], check=True, timeout=60)
    assert bytes(made.buf[:3]) == b"hi!"
    assert set(os.listdir("/dev/shm")) == before
    made.close()
    made.unlink()
    with pytest.raises(FileNotFoundError):
        AnonymousSharedMemory(name=made.name)


def test_no_descriptor_is_left() -> None:
    before = os.listdir("/proc/self/fd")
    made = AnonymousSharedMemory(create=True, size=4096)
    opened = AnonymousSharedMemory(name=made.name)
    assert len(os.listdir("/proc/self/fd")) == len(before) + 3  # Each mapping has one, and the name is one.
    for one in (opened, made):
        one.close()
        one.unlink()
    assert len(os.listdir("/proc/self/fd")) == len(before)


def test_no_process_is_started_for_it() -> None:
    script = (
        "import os; from worker_controller_vllm.compat.shared_memory import AnonymousSharedMemory as A; "
        "made = A(create=True, size=4096); print(os.path.exists(f'/proc/self/task/{os.getpid()}/children') and "
        "open(f'/proc/self/task/{os.getpid()}/children').read().strip())"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout.strip() in ("", "False")


def test_a_killed_creator_leaves_nothing() -> None:
    before = set(os.listdir("/dev/shm"))
    script = (
        "from worker_controller_vllm.compat.shared_memory import AnonymousSharedMemory as A; "
        "made = A(create=True, size=1 << 20); print(made.name, flush=True); input()"
    )
    creator = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    name = creator.stdout.readline().strip()
    opened = AnonymousSharedMemory(name=name)
    os.kill(creator.pid, signal.SIGKILL)
    creator.communicate()
    opened.buf[0] = 7  # Who has it may go on.
    opened.close()
    assert set(os.listdir("/dev/shm")) == before and not os.path.exists(name)


def test_vllms_modules_get_it_once(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    stock = multiprocessing.shared_memory
    queues = stand_in(monkeypatch, "vllm.distributed.device_communicators.shm_broadcast", shared_memory=stock)
    groups = stand_in(monkeypatch, "vllm.distributed.parallel_state", shared_memory=stock)
    for _ in range(2):
        use_anonymous_shared_memory()
        assert queues.shared_memory.SharedMemory is groups.shared_memory.SharedMemory is AnonymousSharedMemory
    assert caplog.text == ""


def test_names_of_a_group_are_removed_and_no_others(tmp_path: Path) -> None:
    for name in ("vllm_dist_1-tp:0-[0-1]-cpushm_0", "vllm_dist_1-tp:0-[0-1]-cpushm_1", "vllm_dist_12-x", "other"):
        (tmp_path / name).touch()
    remove_names("vllm_dist_1", str(tmp_path))
    remove_names("", str(tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == {"vllm_dist_12-x", "other"}
    remove_names("vllm_dist_1", str(tmp_path / "missing"))
