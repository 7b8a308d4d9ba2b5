"""Several runs beside each other: one curve a group of runs, with its interval over them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, Field

from seedcast.services.master.experiments.schemas import Experiment
from seedcast.services.master.storage.pages import drawn
from seedcast.shared.statistics import Band, curve_over_runs

Against = Literal["generation", "elapsed_seconds", "environment_steps", "core_hours"]
MOST_RUNS = 20
MOST_TESTS = 500


class GroupCurve(BaseModel):
    """One group's test return: an interquartile mean and its 95% interval over the group's runs, at each x."""

    group: str = Field(description="The tag's value, or the run's name where it has no such tag.")
    runs: list[str] = Field(description="Its experiments.")
    finals: list[float] = Field(description="The last test of each that has one.")
    x: list[float] = Field(description="What was used, as `against` says.")
    mean: list[float] = Field(description="The interquartile mean at each.")
    low: list[float] = Field(description="Where its 95% interval begins.")
    high: list[float] = Field(description="Where it ends.")


class GroupCurves(BaseModel):
    """The curves of all groups."""

    against: Against = Field(description="What was used.")
    tag: str = Field(description="What the runs are grouped by.")
    groups: list[GroupCurve]


Line = tuple[list[float], list[float]]


def lines_of(connection: sqlite3.Connection, experiment_ids: Sequence[str], against: Against) -> dict[str, Line]:
    """Return each run's tests as (what it had used, mean return), thinned where there are many."""
    return {name: _line(drawn(connection, "tests", name, MOST_TESTS), against) for name in experiment_ids}


def group_curves(
    experiments: Sequence[Experiment], lines: Mapping[str, Line], tag: str, against: Against
) -> GroupCurves:
    """Return one curve for each value of ``tag``; a run without the tag is a group by itself."""
    groups: dict[str, list[str]] = {}
    for experiment in experiments:
        groups.setdefault(experiment.spec.tags.get(tag, experiment.id), []).append(experiment.id)
    curves = []
    for group, runs in groups.items():
        tested = [lines[run] for run in runs if lines[run][0]]
        band = curve_over_runs(tested) or Band([], [], [], [])
        finals = [scores[-1] for _, scores in tested]
        curves.append(
            GroupCurve(
                group=group, runs=runs, finals=finals, x=band.x, mean=band.estimate, low=band.low, high=band.high
            )
        )
    return GroupCurves(against=against, tag=tag, groups=curves)


def _line(texts: Sequence[str], against: Against) -> Line:
    records = [json.loads(text) for text in texts]
    name, unit = ("training_core_seconds", 3600.0) if against == "core_hours" else (against, 1.0)
    return [record.get(name, 0.0) / unit for record in records], [record["returns"]["mean"] for record in records]
