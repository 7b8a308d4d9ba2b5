"""`-o stop.generations=50`: fields of a specification changed on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seedcast.shared.errors import InvalidInput
from seedcast.shared.spec.experiment import ExperimentSpec
from seedcast.shared.spec.parse import check_spec, parse_values, read_values


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
    try:
        value = parse_values(f"value: {text}" if text.strip() else "value: null")["value"]
    except InvalidInput as error:
        raise InvalidInput.of("--override", error.errors[0].reason, override) from error
    inner: Any = values
    for part in path[:-1]:
        below = inner.setdefault(part, {})
        if not isinstance(below, dict):
            raise InvalidInput.of("--override", f"{part} is no mapping with fields in it", override)
        inner = below
    inner[path[-1]] = value
