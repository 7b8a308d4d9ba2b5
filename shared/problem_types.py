"""`python -m seedcast.shared.problem_types > docs/errors.md`: the table of all problems that an answer may be."""

from __future__ import annotations

import inspect

from seedcast.shared import errors
from seedcast.shared.errors import SeedcastError, StartupError
from seedcast.shared.problems import HTTP_TYPES, problem_type

HEAD = """# Errors

Every refusal of master and worker is a problem document ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)),
`application/problem+json`: `type` (stable, from this table), `title`, `status`, `detail`, and for wrong fields
`errors`, a list of `field`, `reason`, `value`. Programs decide by `type`; `detail` is for people, and its words
may change. This page is made by `python -m seedcast.shared.problem_types`.

| type | status | when |
| --- | --- | --- |
"""


def page() -> str:
    """Return the page."""
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, SeedcastError) and kind is not StartupError
    ]
    rows = [(kind.status, problem_type(kind), _when(kind)) for kind in kinds]
    rows.append(
        (405, HTTP_TYPES[405], "The path is there, and not for this method; `Allow` names those that it is for.")
    )
    return HEAD + "".join(f"| `{type_}` | {status} | {when} |\n" for status, type_, when in sorted(rows))


def _when(kind: type[SeedcastError]) -> str:
    if kind is SeedcastError:
        return "A fault of Seedcast's; the log says more."
    return inspect.cleandoc(kind.__doc__ or "").partition("\n")[0].replace("``", "`")


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201
