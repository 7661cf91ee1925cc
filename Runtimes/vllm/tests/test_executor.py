"""An executor in two steps, on modules that stand in for vLLM's."""

import logging
import types
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from stand_in import stand_in

from worker_controller_vllm.compat import executor as compat
from worker_controller_vllm.compat.executor import prepare_executor


class Worker:
    """What loads a model in vLLM, as far as it matters here."""

    def __init__(self, world: "World", config: Any) -> None:
        self._world = world
        self._config = config

    def load_model(self, **_: Any) -> None:
        loader = self._world.loader_type()
        self._world.models.append(loader.load_model(self._config, self._config.model_config))


class World:
    """vLLM as it was checked; tests take something away from it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.created: list[Any] = []
        self.models: list[Any] = []
        self.settled: list[Any] = []
        world = self

        class BaseModelLoader:
            def create_model(self, vllm_config: Any, model_config: Any, prefix: str = "") -> object:
                world.created.append(vllm_config)
                return object()

            def load_model(self, vllm_config: Any, model_config: Any, prefix: str = "") -> object:
                return self.create_model(vllm_config=vllm_config, model_config=model_config, prefix=prefix)

        class WorkerWrapperBase:
            def __init__(self, rpc_rank: int = 0) -> None:
                self.worker: Worker | None = None

            def init_worker(self, config: Any) -> None:
                self.worker = Worker(world, config)

            def load_model(self) -> None:
                assert self.worker is not None
                self.worker.load_model()

        class UniProcExecutor:
            def __init__(self, vllm_config: Any) -> None:
                self.vllm_config = vllm_config
                self.driver_worker = world.executor.WorkerWrapperBase(rpc_rank=0)
                self.driver_worker.init_worker(vllm_config)
                self.driver_worker.load_model()

        self.base_loader = BaseModelLoader
        self.loader_type: type = BaseModelLoader
        monkeypatch.setattr(compat, "fast_loading", nullcontext)
        monkeypatch.setattr(compat, "quick_reload_record", nullcontext)
        platform = types.SimpleNamespace(update_block_size_for_backend=self.settled.append)
        stand_in(monkeypatch, "vllm.platforms", current_platform=platform)
        stand_in(monkeypatch, "vllm.v1.executor")
        self.executor: Any = stand_in(
            monkeypatch,
            "vllm.v1.executor.uniproc_executor",
            WorkerWrapperBase=WorkerWrapperBase,
            UniProcExecutor=UniProcExecutor,
        )
        stand_in(monkeypatch, "vllm.model_executor.model_loader", get_model_loader=lambda _: self.loader_type())
        self.base_module = stand_in(
            monkeypatch, "vllm.model_executor.model_loader.base_loader", BaseModelLoader=BaseModelLoader
        )
        self.torch_utils = stand_in(monkeypatch, "vllm.utils.torch_utils", set_default_torch_dtype=nullcontext)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


@pytest.fixture(autouse=True)
def warnings(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.WARNING)
    return caplog


def configuration() -> Any:
    return types.SimpleNamespace(
        load_config=types.SimpleNamespace(device=None),
        device_config=types.SimpleNamespace(device="cpu"),
        model_config=types.SimpleNamespace(dtype=torch.bfloat16, model="org/hub-id"),
    )


def test_weights_are_loaded_when_they_are_asked_for_into_the_model_that_is_there(
    world: World, warnings: pytest.LogCaptureFixture
) -> None:
    stock = world.executor.WorkerWrapperBase
    executor = prepare_executor(config := configuration())
    assert executor is not None and not executor.is_loaded
    assert world.created == [config] and world.models == []
    assert world.executor.WorkerWrapperBase is stock
    executor.load()
    assert executor.is_loaded and len(world.models) == 1 and world.settled[-1] is config
    assert world.created == [config], "a second model was created"
    assert warnings.text == ""


def test_the_model_that_is_there_is_taken_once(world: World) -> None:
    executor = prepare_executor(config := configuration())
    executor.load()
    again = world.base_loader().load_model(config, config.model_config)
    assert again is not world.models[0] and world.created == [config, config]


def test_no_other_model_takes_it(world: World) -> None:
    """A draft model is another configuration, or a part of the same one."""
    executor = prepare_executor(config := configuration())
    loader = world.base_loader()
    draft = configuration()
    others = [
        loader.load_model(draft, draft.model_config),
        loader.load_model(config, draft.model_config),
        loader.load_model(config, config.model_config, prefix="draft"),
    ]
    assert len(world.created) == 4
    executor.load()
    assert world.models[0] not in others and len(world.created) == 4


def test_another_formats_loader_makes_its_models_itself(world: World, warnings: pytest.LogCaptureFixture) -> None:
    class Other(world.base_loader):
        def load_model(self, vllm_config: Any, model_config: Any, prefix: str = "") -> str:
            return "of another kind"

    world.loader_type = Other
    executor = prepare_executor(configuration())
    assert world.created == []
    executor.load()
    assert world.models == ["of another kind"] and warnings.text == ""


@pytest.mark.parametrize("lacking", ["wrapper", "init_worker"])
def test_without_the_expected_worker_there_is_no_executor(
    world: World, warnings: pytest.LogCaptureFixture, lacking: str
) -> None:
    if lacking == "wrapper":
        del world.executor.WorkerWrapperBase
    else:
        world.executor.WorkerWrapperBase = type("WorkerWrapperBase", (), {})
    assert prepare_executor(configuration()) is None
    (record,) = warnings.records
    assert record.getMessage().startswith("preparing an executor: vLLM's stock behaviour is kept (")


@pytest.mark.parametrize("lacking", ["loader", "base class", "create_model", "parameters", "dtype"])
def test_a_model_that_cannot_be_created_early_is_created_when_it_loads(
    world: World, warnings: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, lacking: str
) -> None:
    if lacking == "loader":
        stand_in(monkeypatch, "vllm.model_executor.model_loader")
    elif lacking == "base class":
        del world.base_module.BaseModelLoader
    elif lacking == "create_model":
        world.base_loader.load_model = lambda self, *_: "made in one step"
        del world.base_loader.create_model
    elif lacking == "parameters":
        stock = world.base_loader.create_model
        world.base_loader.create_model = lambda self, vllm_config, model_config, prefix="", quick=False: stock(
            self, vllm_config, model_config, prefix
        )
    else:
        del world.torch_utils.set_default_torch_dtype
    executor = prepare_executor(configuration())
    assert executor is not None and world.created == []
    executor.load()
    assert executor.is_loaded and len(world.models) == 1
    (record,) = warnings.records
    assert record.getMessage().startswith("creating the model early: vLLM's stock behaviour is kept (")
