"""Turns an assignment's `arguments` into the command line that vLLM's own parser takes, and parses it.

Only argparse is needed here, no vLLM: the parser is handed in.
"""

import argparse
import difflib
import json
from argparse import ArgumentParser, Namespace
from typing import Any, NoReturn

CONTROLLER_OWNED = frozenset(
    {
        "api-key",
        "api-server-count",
        "config",
        "data-parallel-size",
        "data-parallel-size-local",
        "distributed-executor-backend",
        "grpc",
        "grpc-port",
        "headless",
        "host",
        "model",
        "pipeline-parallel-size",
        "port",
        "root-path",
        "served-model-name",
        "ssl-ca-certs",
        "ssl-certfile",
        "ssl-keyfile",
        "tensor-parallel-size",
        "uds",
    }
)
"""Arguments that only the controller may decide: where an engine listens, what it is and of how many processes."""


class ArgumentsError(ValueError):
    """An assignment's arguments that vLLM's server would not take, said so that a person can correct them."""


def parse(parser: ArgumentParser, fixed: list[str], arguments: dict[str, Any]) -> Namespace:
    """vLLM's parsed arguments: the given `arguments`, and after them the `fixed` words, which are ours."""
    options = _long_options(parser)
    line: list[str] = []
    for name, value in arguments.items():
        line += _words(options, name, value)

    def refuse(message: str) -> NoReturn:
        raise ArgumentsError(message)

    # argparse would print its usage and exit; a start that fails must say why in one line.
    parser.error = refuse  # type: ignore[method-assign]
    return parser.parse_args([*line, *fixed])


def _long_options(parser: ArgumentParser) -> dict[str, argparse.Action]:
    """All `--options` without their dashes. argparse has no public list of them."""
    return {option[2:]: action for option, action in parser._option_string_actions.items() if option.startswith("--")}


def _words(options: dict[str, argparse.Action], name: str, value: Any) -> list[str]:
    """The command-line words for one argument."""
    option, dot, inside = name.partition(".")
    key = option.replace("_", "-")
    if key in CONTROLLER_OWNED:
        raise ArgumentsError(f"argument '{name}' is decided by the controller")
    action = options.get(key)
    if action is None or action.dest == "help":
        raise ArgumentsError(f"unknown argument '{name}'{_suggestion(options, key)}")
    if value is None:
        return []
    if dot:  # vLLM's way into a JSON argument: --hf-overrides.rope_theta 10000
        return [f"--{key}.{inside}", _text(value)]
    if isinstance(value, bool):
        return _boolean(options, name, key, action, value)
    if action.nargs == 0 and not isinstance(action, argparse._AppendConstAction):
        raise ArgumentsError(f"argument '{name}' is true or false, not {json.dumps(value)}")
    if isinstance(value, list):
        return _list(key, action, value)
    return [f"--{key}={_text(value)}"]


def _boolean(
    options: dict[str, argparse.Action], name: str, key: str, action: argparse.Action, value: bool
) -> list[str]:
    if action.nargs != 0 and not isinstance(action, argparse.BooleanOptionalAction):
        if action.nargs == "?":
            return [f"--{key}"] if value else [f"--{key}=false"]
        raise ArgumentsError(f"argument '{name}' takes a value, not {json.dumps(value)}")
    if value:
        return [f"--{key}"]
    if options.get(f"no-{key}") is action:
        return [f"--no-{key}"]
    if action.default is False:
        return []  # A plain switch that is off when it is not given.
    raise ArgumentsError(f"argument '{name}' cannot be switched off")


def _list(key: str, action: argparse.Action, values: list[Any]) -> list[str]:
    if isinstance(action, argparse._AppendAction):
        return [f"--{key}={_text(value)}" for value in values]
    if action.nargs in ("+", "*") or isinstance(action.nargs, int):
        return [f"--{key}", *map(_text, values)]
    return [f"--{key}={json.dumps(values)}"]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _suggestion(options: dict[str, argparse.Action], key: str) -> str:
    near = difflib.get_close_matches(key, [option for option in options if option not in CONTROLLER_OWNED], n=1)
    return f" (did you mean '{near[0]}')" if near else ""
