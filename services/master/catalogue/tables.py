"""The tables of docs/strategies.md, out of what the strategies say of themselves.

``python -m seedcast.services.master.catalogue.tables docs/strategies.md`` (`make docs`) writes them
anew, each between its marks.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import cast

from seedcast.services.master.catalogue import catalogue
from seedcast.services.master.catalogue.schemas import MemoryNeed
from seedcast.services.master.strategies.base import Strategy
from seedcast.shared.spec.strategies import STRATEGIES

OURS = "seedcast.services.master.strategies."
"""Packages of users, which may be installed too, are not in our documentation."""


def strategies() -> str:
    """Return a row for each strategy, and one for each value of a hyperparameter that needs less memory."""
    dimensions = [f"{dimension:,} parameters" for dimension in catalogue.DIMENSIONS]
    rows = [row for name in _ours() for row in _rows(name)]
    return _table(["strategy", "pairs", "resizes", *dimensions, "when to choose it"], rows)


def shared_options() -> str:
    """Return a row for each hyperparameter that several strategies have."""
    owners: dict[str, list[str]] = {}
    for name in _ours():
        for option in STRATEGIES[name].Spec.model_fields:
            owners.setdefault(option, []).append(name)
    shared = {option: names for option, names in sorted(owners.items()) if len(names) > 1 and option != "name"}
    return _table(
        ["option of `strategy`", "what it does", "where"],
        [[f"`{option}`", _description(option, names), ", ".join(names)] for option, names in shared.items()],
    )


TABLES = {"strategies": strategies, "shared options": shared_options}


def with_tables(text: str) -> str:
    """Return a document in which each table stands anew, between ``<!-- NAME -->`` and ``<!-- end -->``.

    Raises:
        ValueError: a table's marks are not there, or more than once.
    """
    for name, table in TABLES.items():
        marks = rf"(?<=<!-- {name} -->\n).*?(?=<!-- end -->)"
        places = re.findall(marks, text, re.DOTALL)
        if len(places) != 1:
            raise ValueError(f"the table {name!r} has {len(places)} places in the document")
        text = text.replace(f"<!-- {name} -->\n{places[0]}", f"<!-- {name} -->\n{table()}")
    return text


def _ours() -> list[str]:
    return [name for name, strategy in STRATEGIES.items() if strategy.__module__.startswith(OURS)]


def _rows(name: str) -> Iterable[list[str]]:
    strategy = cast(type[Strategy], STRATEGIES[name])
    described = catalogue.strategy(name)
    kind = ["yes" if value else "no" for value in (described.mirrored, described.resizable)]
    yield [f"[`{name}`]({described.paper})", *kind, *map(_memory, described.memory), described.suits]
    for option, values in strategy.lighter.items():
        for value in values:
            spec = strategy.Spec.model_validate({"name": name, option: value})
            needs = [catalogue.need(strategy, spec, dimension) for dimension in catalogue.DIMENSIONS]
            yield [
                f"`{name}` with `{option}: {value}`",
                *kind,
                *map(_memory, needs),
                "where the default is refused",
            ]


def _memory(need: MemoryNeed) -> str:
    size = f"{need.bytes / 2**20:,.0f} MiB" if need.bytes < 2**30 else f"{need.bytes / 2**30:,.1f} GiB"
    return size if need.fits else f"refused ({size})"


def _description(option: str, names: list[str]) -> str:
    """Return what most of them say of it, the first of them where several say as much."""
    said = [STRATEGIES[name].Spec.model_fields[option].description or "" for name in names]
    return max(said, key=said.count)


def _table(head: list[str], rows: Iterable[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


if __name__ == "__main__":
    for path in map(Path, sys.argv[1:]):
        path.write_text(with_tables(path.read_text()))
