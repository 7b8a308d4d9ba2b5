"""The objectives of this worker, made when they are first asked for and kept."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from pydantic import ValidationError

from seedcast.shared.errors import InvalidInput
from seedcast.shared.objective import Objective
from seedcast.shared.registry import FOREIGN, Registry
from seedcast.shared.spec.objective import ObjectiveDescription, ObjectiveSpec
from seedcast.shared.validation import invalid

GROUP = "seedcast.objectives"


def fault(_name: str, plugin: Any) -> str | None:  # noqa: ANN401 - whatever a package brings
    """Say why an entry point is no objective's factory, or nothing."""
    return (
        None
        if callable(plugin)
        else f"is no function or class that makes an objective, but {type(plugin).__name__}"
    )


OBJECTIVES: Registry[Callable[..., Objective]] = Registry(GROUP, "objective.id", fault)


def make(spec: ObjectiveSpec) -> Objective:
    """Return the objective of a specification; the same one for the same id and kwargs.

    Raises:
        InvalidInput: the id is unknown, its kwargs are wrong, or what is made of them is no objective.
    """
    return _make(spec.id, json.dumps(spec.kwargs, sort_keys=True))[0]


def describe(spec: ObjectiveSpec) -> ObjectiveDescription:
    """Say what an objective is.

    Raises:
        InvalidInput: as `make`.
    """
    return _make(spec.id, json.dumps(spec.kwargs, sort_keys=True))[1]


@lru_cache(maxsize=8)
def _make(id_: str, kwargs_json: str) -> tuple[Objective, ObjectiveDescription]:
    factory, kwargs = OBJECTIVES[id_], json.loads(kwargs_json)
    _check_kwargs(factory, kwargs)
    try:
        made = factory(**kwargs)
    except InvalidInput:
        raise
    except FOREIGN as error:  # whatever its author did not think of
        raise InvalidInput.of("objective.kwargs", f"{id_} cannot be made ({_told(error)})", kwargs_json) from error
    return made, _described(id_, made)


def _check_kwargs(factory: Callable[..., Objective], kwargs: dict[str, Any]) -> None:
    try:
        signature = inspect.signature(factory)
    except (TypeError, ValueError):  # written in C, without a signature: calling it will tell
        return
    try:
        signature.bind(**kwargs)
    except TypeError as error:
        known = ", ".join(signature.parameters) or "none"
        raise InvalidInput.of("objective.kwargs", f"{error}; it takes {known}") from error


def _described(id_: str, made: Objective) -> ObjectiveDescription:
    if not callable(getattr(made, "evaluate", None)):
        raise InvalidInput.of(
            "objective.id", f"its factory made a {type(made).__name__} without a method evaluate", id_
        )
    try:
        values: dict[str, Any] = {
            "dimension": int(made.dimension),
            "direction": made.direction,
            "noisy": bool(getattr(made, "noisy", False)),
            "initial_mean": _numbers(getattr(made, "initial_mean", 0.0)),
        }
        lower, upper = getattr(made, "bounds", None) or (None, None)
        values |= {"lower": _numbers(lower), "upper": _numbers(upper)}
        return ObjectiveDescription.model_validate(values)
    except ValidationError as error:
        first = invalid(error).errors[0]
        raise InvalidInput.of("objective.id", f"is no objective: {first.field} {first.reason}", id_) from error
    except FOREIGN as error:
        raise InvalidInput.of("objective.id", f"is no objective ({_told(error)})", id_) from error


def _numbers(value: Any) -> float | list[float | None] | None:  # noqa: ANN401 - whatever an objective has
    """Return one number where all are equal, and None where there is none or it is infinite."""
    if value is None:
        return None
    array = np.asarray(value, np.float64).reshape(-1)
    if len(array) and (array == array[0]).all():
        return float(array[0]) if np.isfinite(array[0]) else None
    return [float(one) if np.isfinite(one) else None for one in array]


def _told(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:500]
