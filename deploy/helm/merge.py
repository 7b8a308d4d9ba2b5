"""Merges variants of one resource into one Helm template: what not all of them have gets a condition.

A variant is what is switched on: names of components, and `anonymous`. A resource is what YAML makes of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from itertools import combinations
from typing import Any

Variant = frozenset[str]
Variants = Mapping[Variant, Any]
Lines = list[str]

NUMBERS = {"770001": "worker_cpu", "770002": "max_workers", "770003": "quota_cpu"}
"""Stand for settings where text would not do."""
Question = tuple[str, Callable[[Variant], bool]]
"""How a template asks it, and what the answer is."""
MARK = re.compile(r"SETTING\.([a-z_]+)|\b(" + "|".join(NUMBERS) + r")\b|(NAMESPACE-OF-THE-RELEASE)")
PLAIN = re.compile(r"[A-Za-z/][\w./-]*")
WORDS = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}
"""Text that looks plain, and that YAML takes for something else."""


class Conditions:
    """Finds what to ask in a template so that it is true of some of the variants and of none of the others."""

    def __init__(self, questions: Iterable[Question]) -> None:
        """Take the questions that there are."""
        self._asked = list(questions)

    def of(self, wanted: Iterable[Variant], among: Iterable[Variant]) -> str:
        """Return the shortest question, of one or two parts.

        Raises:
            LookupError: there is none.
        """
        chosen, every = set(wanted), list(among)
        for text, holds in self._candidates():
            if {one for one in every if holds(one)} == chosen:
                return text
        raise LookupError(f"no question tells {sorted(map(sorted, chosen))} from {sorted(map(sorted, every))}")

    def _candidates(self) -> Iterable[Question]:
        single = [*self._asked, *map(_denied, self._asked)]
        yield from single
        for one, other in combinations(single, 2):
            yield from _joined(one, other)


def _denied(question: Question) -> Question:
    text, holds = question
    return f"not ({text})", lambda variant: not holds(variant)


def _joined(one: Question, other: Question) -> Iterable[Question]:
    both = f"({one[0]}) ({other[0]})"
    yield f"and {both}", lambda variant: one[1](variant) and other[1](variant)
    yield f"or {both}", lambda variant: one[1](variant) or other[1](variant)


class Merger:
    """Writes templates."""

    def __init__(self, conditions: Conditions) -> None:
        self._conditions = conditions

    def template(self, variants: Variants, among: Iterable[Variant]) -> str:
        """Return the template of a resource that these variants have, ``among`` all of them."""
        lines = self._guarded(self._mapping(variants, 0), variants, list(among))
        return "\n".join(lines) + "\n"

    def _guarded(self, lines: Lines, wanted: Variants, among: Iterable[Variant]) -> Lines:
        if set(wanted) == set(among):
            return lines
        return [f"{{{{- if {self._conditions.of(wanted, among)} }}}}", *lines, "{{- end }}"]

    def _mapping(self, variants: Variants, depth: int) -> Lines:
        lines: Lines = []
        for key in in_order(list(value) for value in variants.values()):
            having = {one: value[key] for one, value in variants.items() if key in value}
            lines += self._guarded(self._entry(key, having, depth), having, variants)
        return lines

    def _entry(self, key: str, having: Variants, depth: int) -> Lines:
        start, values = f"{'  ' * depth}{scalar(key)}:", list(having.values())
        if all(isinstance(value, dict) and value for value in values):
            return [start, *self._mapping(having, depth + 1)]
        if all(isinstance(value, list) and value for value in values):
            return [start, *self._sequence(having, depth)]
        text = values[0]
        if isinstance(text, str) and re.fullmatch(r"\S.*\n.*[^\n]\n", text, re.DOTALL):
            return [f"{start} |", *(f"{'  ' * (depth + 1)}{escaped(line)}".rstrip() for line in text.splitlines())]
        return [f"{start} {self._scalar(having)}"]

    def _sequence(self, variants: Variants, depth: int) -> Lines:
        lines: Lines = []
        for name in in_order([identity(item) for item in value] for value in variants.values()):
            having = {one: item for one, value in variants.items() for item in value if identity(item) == name}
            if all(isinstance(item, dict) and item for item in having.values()):
                body = self._mapping(having, depth + 1)
                # The dash is on a line that is always there, so that line comes first.
                first = next(at for at, line in enumerate(body) if "{{- " not in line)
                if first:
                    raise LookupError(f"every item of a list begins with what all variants have: {name}")
                body[0] = f"{'  ' * depth}- {body[0].strip()}"
            else:
                body = [f"{'  ' * depth}- {self._scalar(having)}"]
            lines += self._guarded(body, having, variants)
        return lines

    def _scalar(self, having: Variants) -> str:
        written = {one: scalar(value) for one, value in having.items()}
        texts = sorted(set(written.values()))
        if len(texts) == 1:
            return texts[0]
        one, other = texts
        asked = self._conditions.of([variant for variant, text in written.items() if text == one], written)
        return f"{{{{ if {asked} }}}}{one}{{{{ else }}}}{other}{{{{ end }}}}"


def in_order(lists: Iterable[list[str]]) -> list[str]:
    """Return everything in the lists once, in an order that is each one's own."""
    merged: list[str] = []
    for one in lists:
        at = 0
        for name in one:
            if name in merged:
                at = merged.index(name) + 1
            else:
                merged.insert(at, name)
                at += 1
    return merged


def identity(item: object) -> str:
    """Return what makes an item of a list the same one in another variant: its name, or all of it."""
    return str(item["name"]) if isinstance(item, dict) and "name" in item else json.dumps(item, sort_keys=True)


def scalar(value: object) -> str:
    """Return a scalar, or something empty, as a template has it: settings are asked for, braces are braces."""
    if not isinstance(value, str):
        mark = MARK.fullmatch(str(value))
        return f"{{{{ .Values.{_setting(mark)} | int }}}}" if mark else json.dumps(value)
    if mark := MARK.fullmatch(value):
        return f"{{{{ {_asked(mark)} | quote }}}}"
    if PLAIN.fullmatch(value) and value.lower() not in WORDS and not MARK.search(value):
        return value
    quoted = escaped(json.dumps(value, ensure_ascii=False))
    return MARK.sub(lambda mark: f"{{{{ {_asked(mark)} }}}}", quoted)


def escaped(text: str) -> str:
    """Return text in which braces stand for themselves."""
    return text.replace("{{", "{{ `{{` }}")


def _asked(mark: re.Match[str]) -> str:
    return ".Release.Namespace" if mark[3] else f".Values.{_setting(mark)}"


def _setting(mark: re.Match[str]) -> str:
    return mark[1] or NUMBERS[mark[2]]
