"""`seedcast plugins`: what the installed packages bring, and what of it cannot be used. It needs no server."""

from __future__ import annotations

from typing import Annotated

import typer

from seedcast.cli.options import AsJson
from seedcast.cli.output import print_json, print_table
from seedcast.shared.registry import Plugin
from seedcast.shared.spec.policy import POLICIES
from seedcast.shared.spec.strategies import STRATEGIES

HEADINGS = ("kind", "name", "package", "state")

Broken = Annotated[
    bool, typer.Option("--broken", help="Only those that cannot be used; exit code 1 if there are any.")
]


def plugins(broken: Broken = False, json: AsJson = False) -> None:
    """List what all installed packages bring, and say what of it is broken."""
    found = [plugin for plugin in _installed() if plugin.broken or not broken]
    if json:
        print_json(found)
    else:
        rows = [(one.group.rpartition(".")[2], one.name, one.package, one.broken or "usable") for one in found]
        print_table(HEADINGS, rows)
    if broken and found:
        raise typer.Exit(1)


def _installed() -> list[Plugin]:
    """Import what there is; where the worker's libraries are not installed, only what the master has."""
    plugins = [*STRATEGIES.plugins, *POLICIES.plugins]
    try:
        from seedcast.services.worker.environments.entry_points_engine import environments
        from seedcast.services.worker.environments.plugins import plugins as registered
        from seedcast.services.worker.objectives.registry import OBJECTIVES
    except ImportError:
        return plugins
    return [*plugins, *environments().plugins, *registered(), *OBJECTIVES.plugins]
