"""Modules that stand in for vLLM's: so that what happens with another vLLM than the checked one can be tested."""

import sys
import types
from typing import Any

import pytest


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
