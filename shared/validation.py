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
            field=".".join(str(part) for part in error["loc"][skip:]) or "body",
            reason=error["msg"],
            value=None if error["type"] == "missing" else _shown(error.get("input")),
        )
        for error in errors
    ]


def _shown(value: object) -> object:
    return value if isinstance(value, str | int | float | bool) else None


def invalid(error: ValidationError) -> InvalidInput:
    """Map pydantic's ValidationError to InvalidInput."""
    return InvalidInput(field_errors(error.errors(include_url=False, include_context=False)))
