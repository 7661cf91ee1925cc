"""Arguments of an assignment against a parser of the kinds of options that vLLM's has."""

import argparse
import json

import pytest

from worker_controller_vllm.arguments import CONTROLLER_OWNED, ArgumentsError, parse
from worker_controller_vllm.engine_config import with_defaults


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model")
    parser.add_argument("--max-model-len", type=int)
    parser.add_argument("--gpu-memory-utilization", type=float, default=0.9)
    parser.add_argument("--enforce-eager", action=argparse.BooleanOptionalAction, default=False)
    parser.add_argument("--disable-log-stats", action="store_true")
    parser.add_argument("--always-on", action="store_true", default=True)
    parser.add_argument("--hf-overrides", type=json.loads)
    parser.add_argument("--sizes", type=int, nargs="+")
    parser.add_argument("--modules", type=json.loads, nargs="*")
    parser.add_argument("--middleware", action="append", default=[])
    parser.add_argument("--chat-template")
    return parser


def parsed(**arguments: object) -> argparse.Namespace:
    return parse(make_parser(), ["--model=m"], {name.replace("_", "-"): value for name, value in arguments.items()})


def test_numbers_and_strings() -> None:
    result = parsed(max_model_len=2048, gpu_memory_utilization=0.5, chat_template="-{{ a }} b")
    assert (result.max_model_len, result.gpu_memory_utilization) == (2048, 0.5)
    assert result.chat_template == "-{{ a }} b"
    assert result.model == "m"


@pytest.mark.parametrize("value", [True, False])
def test_a_switch_with_a_negative_form(value: bool) -> None:
    assert parsed(enforce_eager=value).enforce_eager is value


@pytest.mark.parametrize("value", [True, False])
def test_a_plain_switch(value: bool) -> None:
    assert parsed(disable_log_stats=value).disable_log_stats is value


def test_a_switch_that_cannot_be_switched_off() -> None:
    with pytest.raises(ArgumentsError, match="argument 'always-on' cannot be switched off"):
        parsed(always_on=False)


def test_a_value_for_a_switch_and_a_switch_for_a_value() -> None:
    with pytest.raises(ArgumentsError, match="argument 'enforce-eager' is true or false, not 3"):
        parsed(enforce_eager=3)
    with pytest.raises(ArgumentsError, match="argument 'max-model-len' takes a value, not true"):
        parsed(max_model_len=True)


def test_objects_and_lists() -> None:
    overrides = {"rope": {"factor": 2.0}, "a": [1, "x y"]}
    result = parsed(
        hf_overrides=overrides, sizes=[1, 2], modules=[{"name": "l"}, {"name": "k"}], middleware=["a.b", "c.d"]
    )
    assert result.hf_overrides == overrides
    assert result.sizes == [1, 2]
    assert result.modules == [{"name": "l"}, {"name": "k"}]
    assert result.middleware == ["a.b", "c.d"]


def test_null_means_absent() -> None:
    assert parsed(max_model_len=None).max_model_len is None


def test_underscores_are_taken_for_dashes() -> None:
    assert parse(make_parser(), [], {"max_model_len": 8}).max_model_len == 8


def test_an_unknown_argument_is_told_with_the_nearest() -> None:
    with pytest.raises(ArgumentsError) as caught:
        parsed(max_modle_len=3)
    assert str(caught.value) == "unknown argument 'max-modle-len' (did you mean 'max-model-len')"
    with pytest.raises(ArgumentsError) as caught:
        parsed(qqqqqqqq=3)
    assert str(caught.value) == "unknown argument 'qqqqqqqq'"


@pytest.mark.parametrize("name", sorted(CONTROLLER_OWNED))
def test_what_the_controller_decides_is_refused(name: str) -> None:
    with pytest.raises(ArgumentsError, match=f"argument '{name}' is decided by the controller"):
        parse(make_parser(), [], {name: "x"})


def test_a_value_that_the_parser_refuses_is_an_error_and_no_exit() -> None:
    with pytest.raises(ArgumentsError, match="--max-model-len: invalid int value: 'long'"):
        parsed(max_model_len="long")


def test_the_access_log_is_off_unless_given() -> None:
    assert with_defaults({"a": 1}, "cpu:0") == {"a": 1, "disable-uvicorn-access-log": True}
    assert with_defaults({"disable_uvicorn_access_log": False}, "cpu:0") == {"disable_uvicorn_access_log": False}


def test_a_model_on_a_gpu_can_sleep_unless_it_is_told_otherwise() -> None:
    assert with_defaults({}, "cuda:0")["enable-sleep-mode"] is True
    assert "enable-sleep-mode" not in with_defaults({"enable_sleep_mode": False}, "cuda:0")
    assert "enable-sleep-mode" not in with_defaults({}, "cpu:0")
