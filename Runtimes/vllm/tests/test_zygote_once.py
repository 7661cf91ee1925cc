"""What the zygote pays for once, for all of its children."""

import importlib.metadata
import os
from typing import Any

import pytest
import torch
from stand_in import stand_in

from worker_controller_vllm.compat import zygote


def test_processors_and_plugins_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Any] = []

    class Processors:
        def _get_cpu_list(self) -> list[int]:
            read.append("processors")
            return [0, 1]

        def get_allowed_cpu_list(self) -> list[int]:
            return module._get_cpu_list()

    module: Any = stand_in(
        monkeypatch,
        "vllm.utils.cpu_resource_utils",
        _get_cpu_list=Processors()._get_cpu_list,
        get_allowed_cpu_list=Processors().get_allowed_cpu_list,
    )

    def entry_points(**named: Any) -> tuple[str, ...]:
        read.append(named)
        return (f"of {named}",)

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)
    zygote.read_once()
    first = list(read)
    assert first.count("processors") == 1 and {"group": "vllm.logits_processors"} in first
    assert module.get_allowed_cpu_list() == [0, 1]
    logits_processors = importlib.metadata.entry_points(group="vllm.logits_processors")
    assert logits_processors == ("of {'group': 'vllm.logits_processors'}",)
    assert read == first
    importlib.metadata.entry_points(group="another")
    assert read == [*first, {"group": "another"}]


def test_a_rehearsal_starts_no_thread() -> None:
    threads = set(os.listdir("/proc/self/task")), torch.get_num_threads()
    zygote.rehearse_operations()
    assert (set(os.listdir("/proc/self/task")), torch.get_num_threads()) == threads
