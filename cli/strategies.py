"""`seedcast strategies`: the registered strategies and their hyperparameters. It needs no server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any

import typer
from pydantic import BaseModel
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from seedcast.cli.output import print_rich
from seedcast.services.master.catalogue import catalogue
from seedcast.services.master.catalogue.schemas import MemoryNeed, StrategyDescription

Name = Annotated[str | None, typer.Argument(help="Show this one, with its hyperparameters.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print what GET /strategies answers.")]

PROSE_WIDTH = 80
"""Columns of text that is read."""
TYPES = {"number": "number", "integer": "integer", "boolean": "true or false", "string": "text"}
BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


def strategies(name: Name = None, as_json: AsJson = False) -> None:
    """List the strategies, or show one."""
    answer: BaseModel = catalogue.strategy(name) if name else catalogue.strategies()
    if as_json:
        typer.echo(answer.model_dump_json(indent=2))
    elif isinstance(answer, StrategyDescription):
        _show(answer)
    else:
        _list(catalogue.strategies().strategies)


def _list(described: list[StrategyDescription]) -> None:
    table = Table(box=None, padding=(0, 2, 1, 0), header_style="bold")
    table.add_column("strategy", no_wrap=True, style="bold")
    table.add_column("when to choose it")
    for dimension in catalogue.DIMENSIONS:
        table.add_column(f"{dimension:,}", justify="right", no_wrap=True)
    for one in described:
        text = Text(one.suits or one.summary).append(f"\n{_kind(one)}", style="dim")
        table.add_row(one.name, text, *map(_memory, one.memory))
    print_rich(
        table,
        f"Memory: on the master, by parameters of the policy, with {catalogue.POPULATION_SIZE} "
        "members and default hyperparameters; in brackets if refused. Details: seedcast strategies NAME",
        piped_width=PROSE_WIDTH,
    )


def _show(described: StrategyDescription) -> None:
    memory = ", ".join(f"{_memory(need)} at {need.dimension:,} parameters" for need in described.memory)
    title = Text(described.name, style="bold").append(f"  {described.summary}", style="not bold")
    lines: list[RenderableType] = [title, described.suits, described.paper, _kind(described), memory, ""]
    for name, default, takes, description in _rows(described.hyperparameters):
        lines.append(
            Text(name, style="bold").append(f" = {default}  ", style="not bold").append(takes, style="dim")
        )
        lines.append(Padding(Text(description), (0, 0, 0, 4)))
    print_rich(*lines, piped_width=PROSE_WIDTH)


def _rows(schema: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """Yield name, default, what is taken, and description of every hyperparameter but the name."""
    required = schema.get("required", [])
    for field, values in schema["properties"].items():
        if field == "name":
            continue
        default = "required" if field in required else _shown(values.get("default"))
        yield field, default, _takes(values, schema.get("$defs", {})), values.get("description", "")


def _takes(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    """Say in words what a schema takes."""
    if reference := schema.get("$ref"):
        definition = definitions[reference.rpartition("/")[2]]
        return _named(definition) or _takes(definition, definitions)
    if variants := schema.get("oneOf") or schema.get("anyOf"):
        return " or ".join(_takes(variant, definitions) for variant in variants)
    if choices := schema.get("enum"):
        return ", ".join(map(str, choices))
    if "const" in schema:
        return str(schema["const"])
    if schema.get("type") == "null":
        return "nothing"
    bounds = [f"{sign} {schema[bound]:g}" for bound, sign in BOUNDS.items() if bound in schema]
    return " ".join([TYPES.get(schema.get("type", ""), schema.get("title", "")), ", ".join(bounds)]).strip()


def _named(definition: dict[str, Any]) -> str:
    """Show one of several kinds, such as an optimizer, with its own hyperparameters and their defaults."""
    fields = dict(definition.get("properties", {}))
    if not (name := fields.pop("name", {}).get("const")):
        return ""
    options = [
        f"{field} {_shown(values['default'])}" if "default" in values else field
        for field, values in fields.items()
    ]
    return f"{name} ({', '.join(options)})" if options else str(name)


def _shown(default: object) -> str:
    if isinstance(default, dict):
        return str(default.get("name", json.dumps(default)))
    return default if isinstance(default, str) else json.dumps(default)


def _memory(need: MemoryNeed) -> str:
    size, unit = float(need.bytes), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if size >= 1024:
            size, unit = size / 1024, larger
    text = f"{size:.3g} {unit}" if size < 1000 else f"{size:.0f} {unit}"
    return text if need.fits else f"({text})"


def _kind(described: StrategyDescription) -> str:
    members = "mirrored pairs" if described.mirrored else "independent members"
    return f"{members}, {'resizable' if described.resizable else 'of a fixed number'}"
