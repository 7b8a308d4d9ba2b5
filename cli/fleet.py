"""`seedcast workers` and `seedcast environments`: what a running master has."""

from __future__ import annotations

from typing import Annotated

import typer

from seedcast.cli.options import AsJson, Url, connect
from seedcast.cli.output import print_json, print_table

HEADINGS = ("url", "state", "slots", "in flight", "units/s", "steps/s", "failures", "cpu", "last error")


def workers(url: Url = None, json: AsJson = False) -> None:
    """List the workers of a running master."""
    with connect(url) as client:
        found = client.workers()
    if json:
        print_json(found)
        return
    rows = [
        (
            one.url,
            one.state.value,
            one.info.slots if one.info else None,
            one.in_flight,
            one.units_per_second,
            one.steps_per_second,
            one.failures,
            one.info.cpu if one.info else None,
            one.last_error,
        )
        for one in found
    ]
    print_table(HEADINGS, rows)


def environments(
    text: Annotated[
        str, typer.Argument(metavar="[TEXT]", help="Only those with these words in id, family or engine.")
    ] = "",
    refused: Annotated[bool, typer.Option("--refused", help="Those that are not offered, each with why.")] = False,
    url: Url = None,
    json: AsJson = False,
) -> None:
    """List the environments that the workers of a running master have."""
    with connect(url) as client:
        found = [one for one in client.environments(text) if refused == (one.refusal is not None)]
    if json:
        print_json(found)
        return
    if refused:
        print_table(("id", "family", "why not"), [(one.id, one.family, one.refusal) for one in found])
        return
    rows = [
        (
            one.id,
            one.family,
            one.engine,
            one.observation_size,
            one.actions and f"{one.action_size} {one.actions.kind.replace('_', '-')}",
            one.max_episode_steps,
            one.reward_threshold,
        )
        for one in found
    ]
    print_table(("id", "family", "engine", "observation", "actions", "steps", "solved at"), rows)
