"""From pydantic's validation errors to ours."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from shared.errors import FieldError, InvalidInput


def field_errors(errors: Iterable[ErrorDetails], skip: int = 0) -> list[FieldError]:
    """Turn pydantic's errors into ours; ``skip`` leading parts of each location are left out.

    Discriminator tags in a location ("strategy.pepg.sigma_init") stay: they say which variant was checked.
    """
    return [
        FieldError(
            field=printable(".".join(str(part) for part in error["loc"][skip:])) or "body",
            reason=error["msg"],
            value=None if error["type"] == "missing" else _shown(error.get("input")),
        )
        for error in errors
    ]


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
    return InvalidInput(field_errors(error.errors(include_url=False, include_context=False)))
