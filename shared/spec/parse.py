"""Reads a specification from text: YAML, which holds JSON too."""

from __future__ import annotations

import yaml
from pydantic import ValidationError

from shared.errors import InvalidInput
from shared.spec.experiment import ExperimentSpec
from shared.validation import invalid


def parse_spec(text: bytes | str) -> ExperimentSpec:
    """Read a specification from YAML or JSON.

    Raises:
        InvalidInput: it is neither, or it breaks a rule; every field is named.
    """
    try:
        values = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InvalidInput.of("body", f"is neither JSON nor YAML: {reason}") from error
    try:
        return ExperimentSpec.model_validate(values)
    except ValidationError as error:
        raise invalid(error) from error
