"""What a run's figures are called: an environment gives returns of episodes, an objective scores evaluations."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """The words for one kind of task, each in the singular."""

    figure: str
    """What is maximised or minimised."""
    trial: str
    """What gives it once."""
    step: str
    """What the cost of a search is counted in."""


ENVIRONMENT = Words(figure="return", trial="episode", step="env-step")
OBJECTIVE = Words(figure="score", trial="evaluation", step="evaluation")


def words_for(*, objective: bool) -> Words:
    """Return the words for a task."""
    return OBJECTIVE if objective else ENVIRONMENT


def counted(number: int, singular: str) -> str:
    """Return a number of things: "1 episode", "2,000 episodes"."""
    return f"{number:,} {singular}{'' if number == 1 else 's'}"
