"""Reads a specification from text: JSON, or a plain YAML without anchors.

YAML 1.1 does not hold JSON: it reads ``1e-05`` as a string, refuses tabs, and splits a surrogate pair in two. So
what starts like a JSON object is read as JSON first.
"""

from __future__ import annotations

import json
import re
from typing import Any

import yaml
from pydantic import ValidationError

from shared.errors import InvalidInput
from shared.spec.experiment import ExperimentSpec
from shared.validation import invalid


def parse_spec(text: bytes | str) -> ExperimentSpec:
    """Read a specification from YAML or JSON.

    Raises:
        InvalidInput: it is neither, it breaks a rule, or it could not be kept; every field is named.
    """
    values = _values(_decoded(text))
    _refuse_lone_surrogates(values)
    try:
        spec = ExperimentSpec.model_validate(values)
    except ValidationError as error:
        raise invalid(error) from error
    _refuse_control_characters(spec)
    _refuse_what_cannot_be_kept(spec)
    return spec


class _Loader(yaml.SafeLoader):
    """YAML of plain values: ``1e-05`` is a number, and nothing stands for something written elsewhere."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Refuse anchors and aliases: nine lines of them can stand for a billion values."""
        event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]
        if getattr(event, "anchor", None) is not None:
            raise yaml.composer.ComposerError(None, None, "anchors and aliases are not taken")
        return super().compose_node(parent, index)


_EXPONENT = re.compile(r"[-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)[eE][-+]?[0-9]+$")
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _EXPONENT, list("-+.0123456789"))


def _decoded(text: bytes | str) -> str:
    if isinstance(text, str):
        return text
    try:
        return text.decode("utf-16" if text[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput.of("body", f"is not UTF-8: {error.reason} at byte {error.start}") from error


def _values(text: str) -> Any:  # noqa: ANN401 - whatever the text holds
    """Read JSON where it starts like a JSON object, YAML where it is none."""
    refusal = "is neither JSON nor YAML"
    try:
        if text.lstrip().startswith("{"):
            return json.loads(text)
    except RecursionError as error:
        raise InvalidInput.of("body", "is nested too deep") from error
    except ValueError as error:
        refusal = f"is neither JSON ({error}) nor YAML"
    try:
        return yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader
    except RecursionError as error:
        raise InvalidInput.of("body", "is nested too deep") from error
    except yaml.YAMLError as error:
        raise InvalidInput.of("body", f"{refusal}: {' '.join(str(error).split())}") from error
    except Exception as error:  # PyYAML's constructors raise what they stumble over: `!!bool "x"` is a KeyError
        raise InvalidInput.of("body", f"{refusal}: {type(error).__name__}: {error}") from error


def _refuse_lone_surrogates(values: object) -> None:
    """Refuse text that is no Unicode: it can be neither stored nor answered."""
    pending = [("", values)]
    while pending:
        path, value = pending.pop()
        if isinstance(value, str) and not _is_unicode(value):
            raise InvalidInput.of(path or "body", "holds a lone surrogate, which is no character", value)
        if isinstance(value, dict):
            for key in value:
                if isinstance(key, str) and not _is_unicode(key):
                    raise InvalidInput.of(path or "body", "has a key with a lone surrogate", key)
        pending += [(f"{path}.{key}".lstrip("."), item) for key, item in _items(value)]


def _items(value: object) -> list[tuple[object, object]]:
    if isinstance(value, dict):
        return [(key if isinstance(key, str) else "", item) for key, item in value.items()]
    return list(enumerate(value)) if isinstance(value, list) else []


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _refuse_control_characters(spec: ExperimentSpec) -> None:
    if spec.warm_start and any(ord(character) < 32 or ord(character) == 127 for character in spec.warm_start):
        raise InvalidInput.of("warm_start", "must not hold control characters", spec.warm_start)


def _refuse_what_cannot_be_kept(spec: ExperimentSpec) -> None:
    """Refuse what does not come back from the JSON it is stored as."""
    try:
        kept = ExperimentSpec.model_validate_json(spec.model_dump_json())
    except ValidationError as error:
        raise invalid(error) from error
    except ValueError as error:
        raise InvalidInput.of("body", f"cannot be written as JSON: {error}") from error
    if kept != spec:
        raise InvalidInput.of("body", "does not come back the same from the JSON it is stored as")
