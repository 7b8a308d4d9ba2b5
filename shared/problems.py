"""Errors as RFC 9457 problem documents, the same for the master and the worker, and for who reads them."""

from __future__ import annotations

import re

from pydantic import BaseModel, Field

from seedcast.shared.errors import InvalidInput, SeedcastError
from seedcast.shared.validation import printable

MEDIA_TYPE = "application/problem+json"
MOST_DETAIL = 4000
MOST_REASON = 2000
"""Characters; what was sent may be in them."""

TYPE_PREFIX = "urn:seedcast:problem:"
HTTP_TYPES = {404: f"{TYPE_PREFIX}not-found", 405: f"{TYPE_PREFIX}method-not-allowed"}
"""Of what the router refuses by itself."""


def problem_type(error: type[SeedcastError]) -> str:
    """Return the stable type of an error, or of the kind in `shared.errors` that it is of; see docs/errors.md."""
    kind = next(base for base in error.__mro__ if base.__module__ == SeedcastError.__module__)
    name = "InternalError" if kind is SeedcastError else kind.__name__
    return TYPE_PREFIX + re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


class ProblemField(BaseModel):
    """One wrong field of a problem."""

    field: str = Field(description="Where it stands, as a dotted path.")
    reason: str = Field(description="What is wrong with it.")
    value: str | None = Field(default=None, description="What was given.")


class Problem(BaseModel):
    """An RFC 9457 problem document (https://www.rfc-editor.org/rfc/rfc9457, 2023)."""

    type: str = Field(default="about:blank", description="What kind of problem it is: docs/errors.md lists them.")
    title: str = Field(description="The kind in words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What is wrong this time.")
    errors: list[ProblemField] = Field(
        default_factory=list, description="The wrong fields, if it is a matter of fields."
    )


def problem_of(error: SeedcastError) -> Problem:
    """Return the problem document of an error."""
    fields = error.errors if isinstance(error, InvalidInput) else ()
    return Problem(
        type=problem_type(type(error)),
        title=error.title,
        status=error.status,
        detail=printable(error, MOST_DETAIL),
        errors=[
            ProblemField(
                field=printable(item.field),
                reason=printable(item.reason, MOST_REASON),
                value=None if item.value is None else printable(item.value),
            )
            for item in fields
        ],
    )
