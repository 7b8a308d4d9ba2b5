"""From pydantic's validation errors to ours."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from shared.errors import FieldError, InvalidInput

CONTRADICTION = "contradiction"


def field_errors(errors: Iterable[ErrorDetails], skip: int = 0) -> list[FieldError]:
    """Turn pydantic's errors into ours; ``skip`` leading parts of each location are left out.

    Discriminator tags in a location ("strategy.pepg.sigma_init") stay: they say which variant was checked.
    """
    return [_field_error(error, skip) for error in errors]


def contradiction(field: str, reason: str) -> PydanticCustomError:
    """Return what a model's validator raises where one field does not fit the others; the field is named."""
    return PydanticCustomError(CONTRADICTION, "{field}: {reason}", {"field": field, "reason": reason})


def _field_error(error: ErrorDetails, skip: int) -> FieldError:
    field, reason = printable(".".join(str(part) for part in error["loc"][skip:])), error["msg"]
    if error["type"] == CONTRADICTION:
        context = error["ctx"]
        field, reason = ".".join(filter(None, (field, context["field"]))), context["reason"]
    value = None if error["type"] == "missing" else _shown(error.get("input"))
    return FieldError(field=field or "body", reason=reason, value=value)


def printable(value: object, most: int = 200) -> str:
    """Return a value as text that can be encoded and is not long; never raises."""
    try:
        text = str(value)
    except ValueError:  # an integer of more digits than Python converts
        text = hex(value) if isinstance(value, int) else type(value).__name__
    text = text if len(text) <= most else f"{text[:most]}…"
    return text.encode(errors="backslashreplace").decode()


def _shown(value: object) -> object:
    if isinstance(value, float | bool):
        return value
    return printable(value) if isinstance(value, str | int) else None


def invalid(error: ValidationError) -> InvalidInput:
    """Map pydantic's ValidationError to InvalidInput."""
    return InvalidInput(field_errors(error.errors(include_url=False)))
