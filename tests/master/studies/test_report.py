"""What a study's runs say, where smaller values are better."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from seedcast.services.master.experiments.repository import ExperimentRepository
from seedcast.services.master.experiments.status import Status
from seedcast.services.master.storage.database import Database
from seedcast.services.master.studies.plan import RunKey, RunState
from seedcast.services.master.studies.report import curves, report
from seedcast.services.master.studies.repository import RunRow, StudyRepository, TestPoint
from seedcast.services.master.studies.schemas import Study, StudyReport, StudyStatus
from seedcast.shared.spec.objective import ObjectiveDescription
from seedcast.shared.spec.parse import check_spec
from seedcast.shared.spec.study import StudySpec, parse_study
from tests.master.records import evaluated
from tests.master.studies.test_plan import study
from tests.shared.test_objective_spec import sphere_values

STUDY = {
    "name": "widths",
    "specification": sphere_values(),
    "axes": [{"field": "strategy.sigma_init", "values": [0.1, 0.2, 0.3]}],
    "seeds": 2,
    "budget": {"environment_steps": 1000},
}
VALUES = {0: 3.0, 1: 1.0, 2: 2.0}
"""By trial: what its runs were tested at."""
REACHED = 1.5
"""The value to stop at, which one trial has reached."""


def _test(connection: sqlite3.Connection, name: str, value: float) -> None:
    record = evaluated(int(value)).model_dump_json()
    connection.execute("INSERT INTO tests VALUES (?, ?, ?)", (name, 3, record))
    connection.execute("UPDATE experiments SET best_test_return = ? WHERE id = ?", (value, name))


async def _ended(path: Path) -> tuple[StudyReport, dict[RunKey, tuple[float, bool]]]:
    """Return the report, and what planning is told of each run: its score, and whether it should go on."""
    database = Database(path)
    studies, experiments = StudyRepository(database), ExperimentRepository(database)
    spec = check_spec(sphere_values(stop={"generations": 100, "environment_steps": 1000, "value": REACHED}))
    sphere = ObjectiveDescription(dimension=4, direction="minimise", noisy=False)
    await studies.add("widths", parse_study(json.dumps(STUDY)))
    for trial, value in VALUES.items():
        for seed in (0, 1):
            name = f"widths-{trial}-{seed}"
            await experiments.add(name, spec, sphere)
            await studies.add_run("widths", RunKey(trial, seed), name)
            await database.write(partial(_test, name=name, value=value))
            await experiments.settle(name, Status.COMPLETED, "made up")
    runs = await studies.runs("widths", with_tests=True)
    planned = {key: run.planned() for key, run in runs.items()}
    told = {key: (run.tests[-1][1], run.cut_short) for key, run in planned.items()}
    found = report(await studies.get("widths"), runs)
    database.close()
    return found, told


def test_the_least_value_is_the_best_trial_and_the_best_to_go_on_with(tmp_path: Path) -> None:
    found, told = asyncio.run(_ended(tmp_path / "seedcast.db"))
    assert [trial.trial for trial in found.trials] == [1, 2, 0]
    assert [trial.score and trial.score.mean for trial in found.trials] == [6.0, 7.0, 8.0], (
        "values keep their sign"
    )
    chances = {(pair.first, pair.second): pair.probability_of_improvement for pair in found.comparisons}
    assert chances == {(1, 2): 1.0, (1, 0): 1.0, (2, 0): 1.0}
    assert {key.trial: score for key, (score, _) in told.items()} == {0: -8.0, 1: -6.0, 2: -7.0}
    assert {key.trial: goes_on for key, (_, goes_on) in told.items()} == {0: True, 1: False, 2: True}


def test_where_runs_compete_only_those_that_went_furthest_count_and_settings_are_not_compared() -> None:
    halving = {"first_environment_steps": 100, "among": "runs"}
    spec = study(axes=[], seeds=3, halving=halving)
    rows = {RunKey(0, seed): _row(*values) for seed, values in enumerate([(100, 7.0), (900, 5.0), (100, 9.0)])}
    found = report(_standing(spec), rows)
    (trial,) = found.trials
    assert trial.score is not None
    assert (trial.score.mean, trial.score.low, trial.score.high) == (5.0, None, None), "one run has no spread"
    assert [run.seed for run in trial.runs] == [1, 0, 2], "the one that went on is first"
    assert found.comparisons == []
    assert [(curve.mean, curve.runs) for curve in curves(spec, rows, "environment_steps")] == [([5.0], 1)]


@pytest.mark.parametrize("among", ["trials", "runs"])
def test_a_trial_that_went_further_comes_before_one_that_ended_early_whatever_their_scores(among: str) -> None:
    spec = study(halving={"first_environment_steps": 100, "among": among})
    ends = {0: (100, 59.0), 1: (900, 55.0), 2: (900, 56.0), 3: (300, 58.0)}
    rows = {RunKey(trial, seed): _row(*end) for trial, end in ends.items() for seed in (0, 1)}
    found = report(_standing(spec), rows)
    assert [trial.trial for trial in found.trials] == [2, 1, 3, 0]
    compared = [(pair.first, pair.second) for pair in found.comparisons]
    assert compared == ([(2, 1)] if among == "trials" else []), "of equal steps alone"


def _standing(spec: StudySpec) -> Study:
    return Study(
        id="starts-1",
        name="starts",
        status=StudyStatus.COMPLETED,
        reason="",
        created_at=datetime.now(UTC),
        finished_at=None,
        runs=3,
        most_runs=3,
        core_hours=0.0,
        spec=spec,
    )


def _row(steps: int, score: float) -> RunRow:
    tests = (TestPoint(steps, 1.0, 1.0, score),)
    return RunRow(f"run-{score}", RunState.COMPLETED, "", steps, steps, 1.0, 1.0, score, tests=tests)
