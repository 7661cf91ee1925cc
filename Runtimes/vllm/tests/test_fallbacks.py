"""What becomes of each substitution with a vLLM that is not as expected: one warning line, and vLLM as it is."""

import asyncio
import importlib.metadata
import logging
import types
from collections.abc import Callable
from typing import Any

import pytest
import torch
from stand_in import stand_in, stand_in_reload_record

from worker_controller_vllm import application, compat
from worker_controller_vllm.compat import config, core, front_end, zygote
from worker_controller_vllm.compat.early_repacking import EarlyRepacking
from worker_controller_vllm.compat.reload_record import quick_reload_record
from worker_controller_vllm.prepared import Prepared


@pytest.fixture(autouse=True)
def warnings(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.WARNING)
    return caplog


def only_warning(caplog: pytest.LogCaptureFixture) -> str:
    (record,) = caplog.records
    return record.getMessage()


def test_another_version_is_named_once(monkeypatch: pytest.MonkeyPatch, warnings: pytest.LogCaptureFixture) -> None:
    stand_in(monkeypatch, "vllm.version", __version__="0.99.0")
    compat.warn_of_unchecked_version()
    assert only_warning(warnings) == "vLLM 0.99.0 was not tried with this package (0.32.0 was)"


def test_the_checked_version_is_not_named(monkeypatch: pytest.MonkeyPatch, warnings: pytest.LogCaptureFixture) -> None:
    stand_in(monkeypatch, "vllm.version", __version__=compat.CHECKED_VERSIONS[0])
    compat.warn_of_unchecked_version()
    assert warnings.records == []


def without_inspection(patch: pytest.MonkeyPatch) -> Callable[[], Any]:
    stand_in(patch, "vllm.model_executor.models.registry")
    return config.inspect_models_in_process


def with_other_inspection(patch: pytest.MonkeyPatch) -> Callable[[], Any]:
    stand_in(patch, "vllm.model_executor.models.registry", _run_in_subprocess=lambda fn, timeout: fn())
    return config.inspect_models_in_process


def without_world_size(patch: pytest.MonkeyPatch) -> Callable[[], Any]:
    return lambda: config.world_size(types.SimpleNamespace())


def without_processor_search(patch: pytest.MonkeyPatch) -> Callable[[], Any]:
    stand_in(patch, "transformers.models.auto.processing_auto", PROCESSOR_MAPPING_NAMES={})
    stand_in(patch, "vllm.renderers.hf")
    return front_end.skip_needless_processors


def with_other_processor_search(patch: pytest.MonkeyPatch) -> Callable[[], Any]:
    stand_in(patch, "transformers.models.auto.processing_auto", PROCESSOR_MAPPING_NAMES={})
    stand_in(patch, "vllm.renderers.hf", _try_get_processor_chat_template=lambda tokenizer: None)
    return front_end.skip_needless_processors


def without_listeners(patch: pytest.MonkeyPatch) -> Callable[[], Any]:
    stand_in(patch, "vllm.utils.network_utils")
    return lambda: front_end.client_addresses("/x/in", "/x/out")


def without_model_info(patch: pytest.MonkeyPatch) -> Callable[[], Any]:
    return lambda: front_end.predicted_tasks(types.SimpleNamespace())


def without_renderers(patch: pytest.MonkeyPatch) -> Callable[[], Any]:
    stand_in(patch, "vllm.renderers")
    patch.setattr(front_end, "predicted_tasks", lambda config: ("generate",))
    contents = Prepared(types.SimpleNamespace(lora_modules=None), None, types.SimpleNamespace())
    return lambda: asyncio.run(application.build_early(contents))


def without_cleanup(patch: pytest.MonkeyPatch) -> Callable[[], Any]:
    return lambda: core._skip_final_cleanup(types.SimpleNamespace())


def without_tokenizer_loading(patch: pytest.MonkeyPatch) -> Callable[[], Any]:
    stand_in(patch, "vllm.v1.structured_output")
    return core._load_tokenizer_on_first_use


def with_another_manager(patch: pytest.MonkeyPatch) -> Callable[[], Any]:
    manager = type("StructuredOutputManager", (), {"__init__": lambda self: None})
    loading = {"cached_tokenizer_from_config": lambda: None, "StructuredOutputManager": manager}
    stand_in(patch, "vllm.v1.structured_output", **loading)
    return core._load_tokenizer_on_first_use


def with_another_wrapper(patch: pytest.MonkeyPatch) -> Callable[[], Any]:
    stand_in(patch, "vllm.v1.executor.uniproc_executor", WorkerWrapperBase=object)
    return lambda: core._marking_executor(object, lambda stage: None)


def without_plain_linear_layers(patch: pytest.MonkeyPatch) -> Callable[[], Any]:
    stand_in(patch, "vllm.distributed", get_tensor_model_parallel_world_size=lambda: 1)
    stand_in(patch, "vllm.model_executor.layers.linear")
    return watching_a_model(patch, is_cpu=lambda: True, is_zen_cpu=lambda: False)


def without_zen_kernels(patch: pytest.MonkeyPatch) -> Callable[[], Any]:
    stand_in(patch, "vllm.distributed", get_tensor_model_parallel_world_size=lambda: 1)
    stand_in(patch, "vllm.model_executor.layers.linear", UnquantizedLinearMethod=object)
    return watching_a_model(patch, is_cpu=lambda: True)


def watching_a_model(patch: pytest.MonkeyPatch, **platform: Any) -> Callable[[], Any]:
    stand_in(patch, "vllm.platforms", current_platform=types.SimpleNamespace(**platform))
    early = EarlyRepacking(submit=lambda work: work(), repack=lambda layer, remove_weight: None, threads=1)
    return lambda: early.watch(torch.nn.Linear(2, 2))


def without_reload_record(patch: pytest.MonkeyPatch) -> Callable[[], Any]:
    stand_in(patch, "vllm.model_executor.model_loader")
    return recording


def with_another_comparison(patch: pytest.MonkeyPatch) -> Callable[[], Any]:
    stand_in_reload_record(patch)
    from vllm.model_executor.model_loader.reload import meta

    meta._is_non_persistent_parameter_alias_buffer = lambda layer: layer.buffers()
    return recording


def with_another_device(patch: pytest.MonkeyPatch) -> Callable[[], Any]:
    stand_in_reload_record(patch)
    from vllm.model_executor.model_loader.reload import layerwise

    layerwise.get_layerwise_info = lambda layer: layer.device
    return recording


def recording() -> None:
    with quick_reload_record():
        pass


def without_kernel_overrides(patch: pytest.MonkeyPatch) -> Callable[[], Any]:
    stand_in(patch, "vllm.platforms", current_platform=types.SimpleNamespace())
    return zygote.register_kernel_overrides_once


def without_processor_list(patch: pytest.MonkeyPatch) -> Callable[[], Any]:
    stand_in(patch, "vllm.utils.cpu_resource_utils")
    patch.setattr(importlib.metadata, "entry_points", lambda **_: ())
    return zygote.read_once


@pytest.mark.parametrize(
    ("world", "what"),
    [
        (without_processor_list, "reading the list of processors once"),
        (without_inspection, "inspecting models in this process"),
        (with_other_inspection, "inspecting models in this process"),
        (without_world_size, "checking the number of workers"),
        (without_processor_search, "not loading a processor for text models"),
        (with_other_processor_search, "not loading a processor for text models"),
        (without_listeners, "binding the engine's sockets early"),
        (without_model_info, "building the application before the core is ready"),
        (without_renderers, "building the application before the core is ready"),
        (without_cleanup, "ending a core at once"),
        (without_tokenizer_loading, "loading the core's tokenizer on first use"),
        (with_another_manager, "loading the core's tokenizer on first use"),
        (with_another_wrapper, "telling the stages attach and load apart"),
        (without_plain_linear_layers, "repacking matrices while others are read"),
        (without_zen_kernels, "repacking matrices while others are read"),
        (without_reload_record, "a quick record for reloading"),
        (with_another_comparison, "a quick record for reloading"),
        (with_another_device, "a quick record for reloading"),
        (without_kernel_overrides, "registering kernel overrides once"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_substitution_that_cannot_be_made(
    monkeypatch: pytest.MonkeyPatch,
    warnings: pytest.LogCaptureFixture,
    world: Callable[[pytest.MonkeyPatch], Callable[[], Any]],
    what: str,
) -> None:
    world(monkeypatch)()
    assert only_warning(warnings).startswith(f"{what}: vLLM's stock behaviour is kept (")


def test_stock_addresses_are_the_same_without_listeners(monkeypatch: pytest.MonkeyPatch) -> None:
    assert without_listeners(monkeypatch)() == {"input_address": "ipc:///x/in", "output_address": "ipc:///x/out"}
