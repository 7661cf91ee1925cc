import os

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
