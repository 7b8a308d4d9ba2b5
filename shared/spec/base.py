"""The base of every specification: unknown keys are refused, values do not change once read."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, model_validator

from seedcast.shared.validation import contradiction


class Given(BaseModel):
    """What people send, as JSON or YAML. Pydantic takes true for 1 and false for 0; here they are no numbers."""

    @model_validator(mode="before")
    @classmethod
    def _no_truth_values_for_numbers(cls, values: Any) -> Any:  # noqa: ANN401 - not validated yet
        if isinstance(values, dict):
            for name, value in values.items():
                items = value if isinstance(value, list) else [value]
                if any(isinstance(item, bool) for item in items):
                    field = cls.model_fields.get(name)
                    if field is not None and not _takes_truth_values(field.annotation):
                        raise contradiction(name, "true and false are no values of this")
        return values


class Spec(Given):
    """A value object read from YAML or JSON."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _takes_truth_values(annotation: Any) -> bool:  # noqa: ANN401 - any annotation
    """Whether true or false is among the values of a type, or of the items of a list."""
    if annotation in (bool, Any):
        return True
    if get_origin(annotation) is Annotated:
        return _takes_truth_values(get_args(annotation)[0])
    if get_origin(annotation) is Literal:
        return any(isinstance(one, bool) for one in get_args(annotation))
    if alias := getattr(
        annotation, "__value__", None
    ):  # a named type, such as JsonValue: it says itself what it takes
        return alias is not None
    return any(_takes_truth_values(one) for one in get_args(annotation))
