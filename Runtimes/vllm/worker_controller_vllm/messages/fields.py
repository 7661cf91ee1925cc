"""JSON values and the types of the fields that they are for."""

import dataclasses
import types
import typing
from typing import Any


def to_json(value: Any) -> Any:
    """The JSON value of a field."""
    if isinstance(value, list):
        return [to_json(item) for item in value]
    return dataclasses.asdict(value) if dataclasses.is_dataclass(value) else value


def build(value: Any, hint: Any) -> Any:
    """A JSON value that fits `hint`, with its objects made where `hint` names their class."""
    options = typing.get_args(hint)
    if typing.get_origin(hint) is list:
        return [build(item, options[0]) for item in value]
    for option in options if isinstance(hint, types.UnionType) else (hint,):
        if dataclasses.is_dataclass(option):
            return option(**{field.name: value[field.name] for field in dataclasses.fields(option)})
    return value


def is_a(value: Any, hint: Any) -> bool:
    """Whether a JSON value fits a field's type. A number without fraction is a float too; a boolean is no number."""
    origin = typing.get_origin(hint)
    if hint is Any:
        return True
    if origin in (types.UnionType, typing.Union):
        return any(is_a(value, option) for option in typing.get_args(hint))
    if origin is list:
        return isinstance(value, list) and all(is_a(item, typing.get_args(hint)[0]) for item in value)
    if origin is dict:
        return isinstance(value, dict) and all(is_a(item, typing.get_args(hint)[1]) for item in value.values())
    if dataclasses.is_dataclass(hint):
        fields = typing.get_type_hints(hint)
        return isinstance(value, dict) and all(is_a(value.get(name), kind) for name, kind in fields.items())
    if isinstance(value, bool):
        return hint is bool
    return isinstance(value, (int, float) if hint is float else hint)


def describe(hint: Any) -> str:
    """A field's type, for people."""
    options = [option for option in (typing.get_args(hint) or (hint,)) if option is not type(None)]
    base = options[0] if typing.get_origin(hint) in (types.UnionType, typing.Union) else hint
    return getattr(base, "__name__", str(base)) if typing.get_origin(base) is None else str(base)
