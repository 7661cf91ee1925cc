"""Modules that stand in for vLLM's: so that what happens with another vLLM than the checked one can be tested."""

import sys
import types
from typing import Any

import pytest
import torch


def stand_in(monkeypatch: pytest.MonkeyPatch, name: str, **attributes: Any) -> types.ModuleType:
    """Puts a module with nothing but `attributes` in the place of `name`, and packages in those above it."""
    parts = name.split(".")
    for length in range(1, len(parts)):
        package = ".".join(parts[:length])
        if not getattr(sys.modules.get(package), "is_stand_in", False):
            _put(monkeypatch, package, {"__path__": []})
    return _put(monkeypatch, name, attributes)


def _put(monkeypatch: pytest.MonkeyPatch, name: str, attributes: dict[str, Any]) -> types.ModuleType:
    module = types.ModuleType(name)
    vars(module).update(attributes, is_stand_in=True)
    monkeypatch.setitem(sys.modules, name, module)
    above, _, own = name.rpartition(".")
    if above:
        setattr(sys.modules[above], own, module)
    return module


def stand_in_reload_record(monkeypatch: pytest.MonkeyPatch, **attributes: Any) -> types.ModuleType:
    """The modules of vLLM's record for reloading; gives the one of the loader, with `attributes` beside."""
    reload = "vllm.model_executor.model_loader.reload"
    asking = {
        "record_metadata_for_reloading": lambda model: torch.get_default_device(),
        "get_layerwise_info": lambda layer: torch.get_default_device(),
    }
    comparing = {
        "_parameter_storage_ptrs": lambda layer: set(),
        "_is_non_persistent_parameter_alias_buffer": lambda layer: layer._non_persistent_buffers_set,
    }
    attributes.setdefault("record_metadata_for_reloading", asking["record_metadata_for_reloading"])
    loading = stand_in(monkeypatch, "vllm.model_executor.model_loader.utils", **attributes)
    stand_in(monkeypatch, f"{reload}.layerwise", **asking)
    stand_in(monkeypatch, f"{reload}.meta", **comparing)
    return loading
