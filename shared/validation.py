"""From pydantic's validation errors to ours."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from seedcast.shared.errors import FieldError, InvalidInput

CONTRADICTION = "contradiction"


WORDS = {
    "model_type": "must be a mapping of fields to values",
    "model_attributes_type": "must be a mapping of fields to values",
    "dict_type": "must be a mapping of names to values",
}
"""By pydantic's type of error: where its own words name a class of ours."""


def field_errors(errors: Iterable[ErrorDetails], skip: int = 0, root: object = None) -> list[FieldError]:
    """Turn pydantic's errors into ours; ``skip`` leading parts of each location are left out.

    With ``root``, the values that were checked, a location is as in them ("strategy.sigma_init"). Without, it has
    pydantic's tags of unions in it, too ("strategy.pepg.sigma_init").
    """
    found = [_field_error(error, skip, root) for error in errors]
    return list({(error.field, error.reason): error for error in found}.values())


def contradiction(field: str, reason: str) -> PydanticCustomError:
    """Return what a model's validator raises where one field does not fit the others; the field is named."""
    return PydanticCustomError(CONTRADICTION, "{field}: {reason}", {"field": field, "reason": reason})


def _field_error(error: ErrorDetails, skip: int, root: object) -> FieldError:
    location = error["loc"][skip:]
    if root is not None:
        location = _in_values(location, root, missing=error["type"] == "missing")
    field, reason = printable(".".join(map(str, location))), WORDS.get(error["type"], error["msg"])
    if error["type"] == CONTRADICTION:
        context = error["ctx"]
        field, reason = ".".join(filter(None, (field, context["field"]))), context["reason"]
    value = None if error["type"] == "missing" else _shown(error.get("input"))
    return FieldError(field=field or "body", reason=reason, value=value)


def _in_values(location: tuple[int | str, ...], root: object, missing: bool) -> tuple[int | str, ...]:
    """Leave out of a location what is no key of the values: a union's tag. What is missing is none, either."""
    kept: list[int | str] = []
    value: Any = root
    for part in location[:-1] if missing else location:
        inside = dict(enumerate(value)) if isinstance(value, list) else value
        if isinstance(inside, dict) and part in inside:
            value = inside[part]
            kept.append(part)
    return (*kept, *(location[-1:] if missing else ()))


def printable(value: object, most: int = 200) -> str:
    """Return a value as text that can be encoded and is not long; never raises."""
    try:
        text = str(value)
    except ValueError:  # an integer of more digits than Python converts
        text = hex(value) if isinstance(value, int) else type(value).__name__
    text = text if len(text) <= most else f"{text[:most]}…"
    return text.encode(errors="backslashreplace").decode()


def one_line(error: BaseException) -> str:
    """Return what somebody else's code raised, with its type, in a line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def _shown(value: object) -> object:
    if isinstance(value, float | bool):
        return value
    return printable(value) if isinstance(value, str | int) else None


def invalid(error: ValidationError, root: object = None) -> InvalidInput:
    """Map pydantic's ValidationError to InvalidInput; ``root`` as in `field_errors`."""
    return InvalidInput(field_errors(error.errors(include_url=False), root=root))
