"""What the shell's completion offers for an experiment's id: those that there are on the master, newest first.

Whoever presses the tab key waits for it: `ANSWER_SECONDS` at most, and without a word where no master answers.
"""

from __future__ import annotations

from contextlib import suppress
from threading import Thread

import typer

from seedcast import Client

ANSWER_SECONDS = 1.0
MOST = 200
"""Experiments that are looked at: more on a screen help nobody."""


def experiment_ids(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Return the ids that begin like this, each with what it is; `last`, too."""
    url = context.params.get("url")
    given = context.params.get("ids") or ()
    found: list[tuple[str, str]] = []
    # A thread that nobody waits for at the end: a name server may take longer than any timeout of a client.
    asking = Thread(target=_ask, args=(url, incomplete, found), daemon=True)
    asking.start()
    asking.join(ANSWER_SECONDS)
    if found and "last".startswith(incomplete):
        found.append(("last", "the newest one"))
    return [(one, what) for one, what in found if one not in given]


def _ask(url: str | None, incomplete: str, found: list[tuple[str, str]]) -> None:
    with suppress(Exception), Client(url, timeout=ANSWER_SECONDS) as client:
        rows = client.experiments(text=incomplete, limit=MOST)
        found += [
            (row.id, f"{row.status}, {row.environment or row.objective}, generation {row.generation}")
            for row in rows
            if row.id.startswith(incomplete)
        ]
