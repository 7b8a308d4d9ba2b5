"""How commands print: tables for people, JSON for programs, colours for terminals alone."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

import typer
from pydantic import BaseModel
from rich.console import Console, RenderableType
from rich.table import Table

PIPED_WIDTH = 200
"""Columns where there is no terminal: nothing is cut off for a screen that is none."""


SMALLEST_WITH_A_DECIMAL = 0.05
"""Of smaller figures, such as an objective's last values, three digits are shown: one decimal would be 0.0."""


def print_json(answer: BaseModel | Sequence[BaseModel]) -> None:
    """Print one model, or several as a list."""
    several = not isinstance(answer, BaseModel)
    values = [one.model_dump(mode="json") for one in answer] if several else answer.model_dump(mode="json")  # type: ignore[union-attr]
    typer.echo(json.dumps(values, indent=2, ensure_ascii=False))


def print_values(values: object) -> None:
    """Print plain values as JSON."""
    typer.echo(json.dumps(values, indent=2, ensure_ascii=False, default=str))


def print_line(values: object) -> None:
    """Print plain values as JSON on one line, at once: one of many that come as they come."""
    sys.stdout.write(json.dumps(values, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def print_table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows under headings; nothing but the headings where there are none."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(shown(value) for value in row))
    print_rich(table)


def print_rich(*renderables: RenderableType, piped_width: int = PIPED_WIDTH) -> None:
    """Print what rich lays out, as wide as the terminal; ``piped_width`` columns where there is none."""
    console = Console(highlight=False)
    console = console if console.is_terminal else Console(width=piped_width, highlight=False)
    with console.capture() as capture:
        for one in renderables:
            console.print(one)
    typer.echo("\n".join(line.rstrip() for line in capture.get().splitlines()))


def shown(value: object) -> str:
    """Return a value as people read it: a dash for nothing, a decimal for a figure."""
    if value is None or value == "":
        return "-"
    if isinstance(value, float):
        small = 0 < abs(value) < SMALLEST_WITH_A_DECIMAL
        return f"{value:.3g}" if small else f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def clock(seconds: float | None) -> str:
    """Return a duration as h:mm:ss."""
    if seconds is None:
        return "-"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
