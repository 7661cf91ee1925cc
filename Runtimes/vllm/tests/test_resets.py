"""What a worker says of its reset and of its device's memory, without vLLM and without a GPU."""

import os
import types
from typing import Any

import pytest
from stand_in import stand_in

from worker_controller_vllm.compat import device
from worker_controller_vllm.compat.leftovers import Leftovers
from worker_controller_vllm.compat.resets import CUDA_TOLERANCE_BYTES, reset_of
from worker_controller_vllm.messages import ResetInPlace
from worker_controller_vllm.runtime import NotClean


def test_each_platform_has_its_way() -> None:
    assert reset_of("cpu:0") is None
    assert reset_of("cuda:1") == ResetInPlace(CUDA_TOLERANCE_BYTES)


class Driver:
    """As vLLM's copy of pynvml, with what it would say of the only GPU."""

    class NVMLError(Exception):
        pass

    def __init__(self, **counted: int | None) -> None:
        self.counted = counted
        self.failure: str | None = None
        self.is_open = 0

    def nvmlInit(self) -> None:
        self.is_open += 1

    def nvmlShutdown(self) -> None:
        self.is_open -= 1

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:
        assert self.is_open and uuid == "GPU-1-2-3"
        return uuid

    def nvmlDeviceGetComputeRunningProcesses(self, handle: str) -> list[Any]:
        if self.failure is not None:
            raise self.NVMLError(self.failure)
        pids = {"own": os.getpid(), "other": 1}
        return [types.SimpleNamespace(pid=pids[name], usedGpuMemory=used) for name, used in self.counted.items()]


def install(monkeypatch: pytest.MonkeyPatch, driver: Driver, namespace: str = device._FIRST_PID_NAMESPACE) -> None:
    stand_in(monkeypatch, "vllm.utils.import_utils", import_pynvml=lambda: driver)
    monkeypatch.setattr(device.os, "readlink", lambda path: namespace)
    properties = types.SimpleNamespace(uuid="1-2-3")
    monkeypatch.setattr(device.torch.cuda, "get_device_properties", lambda index: properties)


def test_of_a_gpu_the_driver_tells_what_this_process_owns(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = Driver(other=5, own=7)
    install(monkeypatch, driver)
    assert device.device_bytes() == 7
    assert driver.is_open == 0


@pytest.mark.parametrize("driver", [Driver(), Driver(other=5), Driver(own=None)], ids=["none", "another", "unknown"])
def test_where_the_driver_does_not_count_it_nothing_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, driver: Driver
) -> None:
    install(monkeypatch, driver)
    assert device.device_bytes() is None
    assert "does not count this process" in caplog.text


def test_where_process_ids_are_others_nothing_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    install(monkeypatch, Driver(own=7), "pid:[4026532000]")
    assert device.device_bytes() is None
    assert "does not know the process ids of pid:[4026532000]" in caplog.text


def test_a_driver_that_fails_is_no_end(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    driver = Driver(own=7)
    driver.failure = "Not Supported"
    install(monkeypatch, driver)
    assert device.device_bytes() is None
    assert "Not Supported" in caplog.text and driver.is_open == 0


def configuration(**changes: Any) -> Any:
    fields = {"size": 1, "device": "cpu", "code": False, "extension": "", "connector": None, **changes}
    return types.SimpleNamespace(
        model_config=types.SimpleNamespace(trust_remote_code=fields["code"]),
        parallel_config=types.SimpleNamespace(world_size=fields["size"], worker_extension_cls=fields["extension"]),
        kv_transfer_config=fields["connector"],
        device_config=types.SimpleNamespace(device_type=fields["device"]),
    )


@pytest.fixture
def leftovers(monkeypatch: pytest.MonkeyPatch) -> Leftovers:
    stand_in(monkeypatch, "vllm.v1.executor", multiproc_executor=types.SimpleNamespace(WorkerWrapperBase=object))
    stand_in(monkeypatch, "vllm.distributed.parallel_state", model_parallel_is_initialized=lambda: False)
    return Leftovers()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"size": 2}, "left behind: the shared memory of a group on CPU"),
        ({"code": True}, "left behind: the model's own code"),
        ({"extension": "x.Y"}, "left behind: an extension of the worker's class"),
        ({"connector": object()}, "left behind: a connector to other engines"),
        ({"size": 2, "code": True}, "left behind: the model's own code, the shared memory of a group on CPU"),
    ],
)
def test_what_cannot_be_given_back_is_told(leftovers: Leftovers, changes: dict[str, Any], reason: str) -> None:
    leftovers.expect(configuration(**changes))
    with pytest.raises(NotClean) as caught:
        leftovers.check()
    assert str(caught.value) == reason


@pytest.mark.parametrize("changes", [{}, {"size": 2, "device": "cuda"}])
def test_where_all_can_be_given_back_nothing_is_told(leftovers: Leftovers, changes: dict[str, Any]) -> None:
    leftovers.expect(configuration(**changes))
    leftovers.check()
