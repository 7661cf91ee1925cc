import os
import resource

import pytest

from worker_controller_vllm import child


@pytest.mark.parametrize(
    ("device", "visible", "expected"),
    [
        ("cpu:0", None, None),
        ("cpu:0", "3", "3"),
        ("cuda:1", None, "1"),
        # Device numbers count those that the zygote may see.
        ("cuda:1", "4,7", "7"),
        ("cuda:0", "GPU-a,GPU-b", "GPU-a"),
    ],
)
def test_a_process_of_one_gpu_sees_only_that(
    monkeypatch: pytest.MonkeyPatch, device: str, visible: str | None, expected: str | None
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    monkeypatch.setenv("WORKER_CONTROLLER_SEES", "")
    child._see_only(device)
    assert os.environ.get("CUDA_VISIBLE_DEVICES") == expected
    child._see_only(device)  # A child of a template, for the same device.
    assert os.environ.get("CUDA_VISIBLE_DEVICES") == expected


@pytest.mark.parametrize("limit", [child.DESCRIPTORS, 400, child.DESCRIPTORS + 1])
def test_the_table_of_descriptors_does_not_grow_later(limit: int) -> None:
    """In a forked process, whose table is as short as it can be."""
    reader, writer = os.pipe()
    if (pid := os.fork()) == 0:
        try:
            _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, most))
            before = _places()
            opened = os.listdir("/proc/self/fd")
            child._make_room_for_descriptors()
            is_kept = os.listdir("/proc/self/fd") == opened
            os.write(writer, f"{before} {_places()} {is_kept}".encode())
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    os.close(writer)
    with open(reader) as told:
        before, after, is_kept = told.read().split()
    assert int(before) < min(limit, child.DESCRIPTORS) <= int(after) and is_kept == "True"


def _places() -> int:
    """How long the kernel's table of this process's descriptors is."""
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("FDSize:"))
