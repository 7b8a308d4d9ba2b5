"""`-o stop.generations=50`: fields of a specification changed on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seedcast.shared.errors import FieldError, InvalidInput
from seedcast.shared.spec.experiment import ExperimentSpec
from seedcast.shared.spec.parse import check_spec, parse_values, read_values

NULLS = ("~", "null", "Null", "NULL")
"""How YAML writes that there is no value."""


def load_spec(path: Path, overrides: Sequence[str] | None = None) -> ExperimentSpec:
    """Read a specification from a file, with fields of it changed.

    Raises:
        InvalidInput: it cannot be read, an override is none, or the result breaks a rule.
    """
    values = read_values(path)
    if isinstance(values, dict):
        for override in overrides or ():
            _apply(values, override)
    return check_spec(values)


def load_specs(paths: Sequence[Path], overrides: Sequence[str] | None = None) -> list[ExperimentSpec]:
    """Read several specifications, each with the same fields changed.

    Raises:
        InvalidInput: one of them is wrong, as in `load_spec`; of several, its file is named.
    """
    specs = list[ExperimentSpec]()
    for path in paths:
        try:
            specs.append(load_spec(path, overrides))
        except InvalidInput as error:
            if len(paths) == 1 or any(one.field in (str(path), "--override") for one in error.errors):
                raise
            named = [FieldError(f"{path}: {one.field}", one.reason, one.value) for one in error.errors]
            raise InvalidInput(named) from error
    return specs


def override_values(overrides: Sequence[str]) -> dict[str, Any]:
    """Return overrides alone, as nested values."""
    values: dict[str, Any] = {}
    for override in overrides:
        _apply(values, override)
    return values


def _apply(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    path = key.strip().split(".")
    if not equals or not all(path):
        raise InvalidInput.of("--override", "must be KEY=VALUE, as in stop.generations=50", override)
    value = text.strip() if _is_text(path, text) else _plain(text, override)
    inner: Any = values
    for part in path[:-1]:
        below = inner.setdefault(part, {})
        if not isinstance(below, dict):
            raise InvalidInput.of("--override", f"{part} is no mapping with fields in it", override)
        inner = below
    inner[path[-1]] = value


def _is_text(path: Sequence[str], text: str) -> bool:
    """Whether a value is taken as it stands: what people write is no YAML, unless they quote it."""
    if text.lstrip().startswith(("'", '"')):
        return False
    if path[0] == "tags" and len(path) == 2:
        return text.strip() not in ("", *NULLS)  # takes the tag away
    return path in (["name"], ["note"])


def _plain(text: str, override: str) -> Any:  # noqa: ANN401 - whatever the text holds
    if not text.strip():
        return None
    try:
        value = parse_values(f"value: {text}")["value"]
    except InvalidInput as error:
        raise InvalidInput.of("--override", error.errors[0].reason, override) from error
    if value is None and text.strip() not in NULLS:
        raise InvalidInput.of("--override", "is a comment: nothing is left of the value", override)
    return value
