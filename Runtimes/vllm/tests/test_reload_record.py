"""vLLM's record for reloading, made quickly: the same as its own."""

from typing import Any

import pytest
import torch

from worker_controller_vllm.compat.reload_record import quick_reload_record

pytestmark = pytest.mark.real


class Layer(torch.nn.Module):
    """One of every kind of tensor that the record tells apart."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(3, 2, dtype=torch.bfloat16))
        self.weight.weight_loader = len
        self.bias = torch.nn.Parameter(torch.zeros(3))
        self.register_buffer("saved", torch.zeros(2, 5))
        self.register_buffer("unsaved", torch.zeros(7), persistent=False)
        self.register_buffer("alias", self.weight.data, persistent=False)


def recorded(device: str) -> dict[str, Any]:
    """What the record says of each layer of a model."""
    from vllm.model_executor.model_loader import utils
    from vllm.model_executor.model_loader.reload import layerwise

    model = torch.nn.Sequential(Layer(), torch.nn.Sequential(Layer(), torch.nn.Linear(4, 3)))
    with torch.device(device):
        utils.record_metadata_for_reloading(model)
    return {name: described(layerwise.LAYERWISE_INFO[layer]) for name, layer in model.named_modules()}


def described(info: Any) -> Any:
    tensors = [
        {name: (tensor.device, tensor.shape, tensor.dtype, type(tensor), vars(tensor)) for name, tensor in kind.items()}
        for kind in info.restore_metadata
    ]
    return tensors, info.restore_device


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_it_is_the_same(device: str) -> None:
    stock = recorded(device)
    with quick_reload_record():
        assert recorded(device) == stock
    assert stock["0"][0][1].keys() == {"saved", "unsaved"}  # Else nothing was told apart.
    assert stock["0"][1] == torch.device(device)


def test_the_default_device_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    ask = torch.get_default_device
    asked = []
    monkeypatch.setattr(torch, "get_default_device", lambda: asked.append(1) or ask())
    with quick_reload_record():
        recorded("cpu")
    assert len(asked) == 1
    recorded("cpu")
    assert len(asked) > 1


def test_what_was_substituted_is_put_back() -> None:
    from vllm.model_executor.model_loader import utils
    from vllm.model_executor.model_loader.reload import meta

    def names() -> tuple[Any, ...]:
        return utils.record_metadata_for_reloading, meta._parameter_storage_ptrs, torch.get_default_device

    stock = names()
    with pytest.raises(AttributeError), quick_reload_record():
        utils.record_metadata_for_reloading(None)
    assert names() == stock
