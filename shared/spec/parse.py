"""Reads a specification from text: JSON, or a plain YAML without anchors.

YAML 1.1 does not hold JSON: it reads ``1e-05`` as a string, refuses tabs, and splits a surrogate pair in two. So
what starts like a JSON object is read as JSON first. What either would take in silence is refused: a key that
stands twice, of which one would be lost, and YAML 1.1's numbers that are not what they look like (``010`` is 8,
``1:30`` is 90).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from seedcast.shared.errors import InvalidInput
from seedcast.shared.spec.curriculum import ends_in_order
from seedcast.shared.spec.experiment import ExperimentSpec
from seedcast.shared.validation import invalid, printable


def parse_spec(text: bytes | str, only_json: bool = False) -> ExperimentSpec:
    """Read a specification from YAML or JSON.

    Raises:
        InvalidInput: it is neither, it breaks a rule, or it could not be kept; every field is named.
    """
    values = parse_values(text, only_json)
    return check_spec(values)


def parse_values(text: bytes | str, only_json: bool = False) -> Any:  # noqa: ANN401 - whatever the text holds
    """Read plain values from YAML or JSON.

    Raises:
        InvalidInput: it is neither, a key stands twice, or a value is no text that can be kept.
    """
    values = _values(_decoded(text), only_json)
    _refuse_lone_surrogates(values)
    return values


def read_values(path: str | Path) -> Any:  # noqa: ANN401 - whatever the file holds
    """Read plain values from a file of YAML or JSON.

    Raises:
        InvalidInput: it cannot be read, or as in `parse_values`.
    """
    try:
        text = Path(path).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: there is a null character in the path
        reason = (isinstance(error, OSError) and error.strerror) or "cannot be read"
        raise InvalidInput.of(printable(str(path)), reason) from error
    return parse_values(text)


def check_spec(values: object, *, taken_in: bool = False) -> ExperimentSpec:
    """Make a specification of plain values; of an experiment that was ``taken_in`` before, by the rules of then.

    Raises:
        InvalidInput: it breaks a rule, or it could not be kept; every field is named.
    """
    if not isinstance(values, dict):
        held = "nothing" if values is None else f"one {type(values).__name__}"
        raise InvalidInput.of("body", f"must be a mapping of fields to values, and holds {held}")
    try:
        spec = ExperimentSpec.model_validate(values)
    except ValidationError as error:
        raise invalid(error, values) from error
    _refuse_control_characters(spec)
    _refuse_what_cannot_be_kept(spec)
    if not taken_in:
        ends_in_order(spec.curriculum)
    return spec


class _Loader(yaml.SafeLoader):
    """YAML of plain values: ``1e-05`` is a number, and nothing stands for something written elsewhere."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Refuse anchors and aliases: nine lines of them can stand for a billion values."""
        event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]
        if getattr(event, "anchor", None) is not None:
            raise yaml.composer.ComposerError(None, None, "anchors and aliases are not taken")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Refuse a key that stands twice."""
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                raise yaml.constructor.ConstructorError(
                    None, None, "a key has to be a plain value", key_node.start_mark
                )
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)

    def construct_integer(self, node: yaml.ScalarNode) -> int:
        """Refuse an octal number, or one of base 60, that looks like a decimal one."""
        text = str(node.value)
        if ":" in text or re.match(r"[-+]?0[0-9_]", text):
            reason = f"{text} is not written as a decimal number; YAML 1.1 would read another one"
            raise yaml.constructor.ConstructorError(None, None, reason, node.start_mark)
        return int(self.construct_yaml_int(node))

    def construct_real(self, node: yaml.ScalarNode) -> float:
        """Refuse a number of base 60."""
        if ":" in str(node.value):
            reason = f"{node.value} is not written as a decimal number; YAML 1.1 would read another one"
            raise yaml.constructor.ConstructorError(None, None, reason, node.start_mark)
        return float(self.construct_yaml_float(node))


_EXPONENT = re.compile(r"[-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)[eE][-+]?[0-9]+$")
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_integer)
_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.construct_real)
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _EXPONENT, list("-+.0123456789"))


def _decoded(text: bytes | str) -> str:
    if isinstance(text, str):
        return text
    try:
        return text.decode("utf-16" if text[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput.of("body", f"is not UTF-8: {error.reason} at byte {error.start}") from error


class _TwiceError(ValueError):
    """A key stands twice in one object."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise _TwiceError(f"the key {printable(twice)!r} stands twice")
    return values


def _values(text: str, only_json: bool) -> Any:  # noqa: ANN401 - whatever the text holds
    """Read JSON where it has to be or starts like an object, YAML where it is none."""
    refusal = "is neither JSON nor YAML"
    try:
        if only_json or text.lstrip().startswith("{"):
            return json.loads(text, object_pairs_hook=_object)
    except RecursionError as error:
        raise InvalidInput.of("body", "is nested too deep") from error
    except _TwiceError as error:
        raise InvalidInput.of("body", str(error)) from error
    except ValueError as error:
        if only_json:
            raise InvalidInput.of("body", f"is not JSON, as its content type says: {error}") from error
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
