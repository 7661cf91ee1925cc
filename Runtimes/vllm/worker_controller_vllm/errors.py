"""Errors told in one line, for people."""

from typing import Any

MAX_ERROR_CHARACTERS = 500

_MESSAGES_ONLY = {"include_url": False, "include_context": False, "include_input": False}


def one_line(error: BaseException) -> str:
    """The last line of an exception as Python prints it, short enough for a `stage`."""
    if messages := validation_messages(error):
        return "; ".join(messages)[:MAX_ERROR_CHARACTERS]
    name, text = type(error).__name__, str(error).strip()
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    # An ArgumentsError's text is written for people already; others need their type to be understood.
    if name != "ArgumentsError":
        line = f"{name}: {line}" if line else name
    return line[:MAX_ERROR_CHARACTERS]


def validation_messages(error: BaseException) -> list[str]:
    """What a pydantic `ValidationError` says, without its heading, its types and the whole input; else nothing.

    Known by its shape: this module must not import pydantic, nor anything else that a runtime brings.
    """
    if type(error).__name__ != "ValidationError" or not callable(errors := getattr(error, "errors", None)):
        return []
    try:
        return [_validation_message(found) for found in errors(**_MESSAGES_ONLY)]
    except (TypeError, KeyError):
        return []  # Another library's ValidationError.


def _validation_message(found: dict[str, Any]) -> str:
    place = ".".join(map(str, found.get("loc", ())))
    text = " ".join(found["msg"].removeprefix("Value error, ").split())
    return f"{place}: {text}" if place else text
