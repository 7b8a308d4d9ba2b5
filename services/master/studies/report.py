"""What a study's runs say: tables, curves and comparisons. Pure functions of its runs."""

from __future__ import annotations

import csv
import io
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from seedcast.services.master.studies.plan import RunKey
from seedcast.services.master.studies.repository import RunRow
from seedcast.services.master.studies.schemas import (
    Curve,
    Interval,
    Study,
    StudyReport,
    StudyRun,
    Trial,
    TrialComparison,
)
from seedcast.shared.spec.study import StudySpec
from seedcast.shared.statistics import bootstrap, compare_all, curve_over_runs

Axis = Literal["environment_steps", "elapsed_seconds", "core_seconds"]
MOST_COMPARED = 20


def report(study: Study, runs: Mapping[RunKey, RunRow]) -> StudyReport:
    """Return a study's trials, the best first; those without a score come last.

    By halving, one that went further comes before one that ended early, and only those that came as far as the
    first are compared: scores after different numbers of training steps are no comparison.
    """
    trials = [_trial(number, values, study.spec, runs) for number, values in enumerate(study.spec.trials())]
    sign = min((run.sign for run in runs.values()), default=1)  # a run that never began has none of its own
    rung = {trial.trial: _rung(trial.trial, study.spec, runs) for trial in trials}

    def place(trial: Trial) -> tuple[bool, int, float, int]:
        score = -sign * trial.score.mean if trial.score else 0.0
        return trial.score is None, -rung[trial.trial], score, trial.trial

    trials.sort(key=place)
    as_far = [trial for trial in trials if rung[trial.trial] == rung[trials[0].trial]]
    compared_trials = [] if study.spec.runs_compete else as_far[:MOST_COMPARED]
    groups = {str(trial.trial): sign * _scores(trial.runs) for trial in compared_trials}
    compared = compare_all({name: scores for name, scores in groups.items() if len(scores) > 1})
    comparisons = [
        TrialComparison(
            first=int(one.first),
            second=int(one.second),
            probability_of_improvement=one.probability_of_improvement,
            p_value=one.p_value,
            adjusted=one.adjusted,
        )
        for one in compared
    ]
    return StudyReport(study=study, trials=trials, comparisons=comparisons)


def curves(spec: StudySpec, runs: Mapping[RunKey, RunRow], against: Axis) -> list[Curve]:
    """Return every trial's curve, over what all of its tested runs have used.

    Between two tests a run counts with the earlier one: what was not measured is not guessed.
    """
    found = []
    for trial in range(spec.trial_count):
        tested = [run for run in _that_count(trial, spec, runs).values() if run.tests]
        if curve := _curve(trial, tested, against):
            found.append(curve)
    return found


def as_csv(study: Study, runs: Mapping[RunKey, RunRow]) -> str:
    """Return one line a run, with the values of its trial."""
    trials, buffer = study.spec.trials(), io.StringIO()
    fields = [axis.field for axis in study.spec.axes]
    writer = csv.writer(buffer, lineterminator="\n")
    figures = ["environment_steps", "elapsed_seconds", "core_hours", "last_score", "best_score"]
    writer.writerow(["trial", "seed", *fields, "experiment", "state", *figures])
    for key, run in runs.items():
        shown = _shown(key.seed, run)
        values = [trials[key.trial][field] for field in fields]
        numbers = [getattr(shown, figure) for figure in figures]
        writer.writerow([key.trial, key.seed, *values, shown.experiment_id, shown.state, *numbers])
    return buffer.getvalue()


def _trial(number: int, values: Mapping[str, object], spec: StudySpec, runs: Mapping[RunKey, RunRow]) -> Trial:
    rows = [_shown(seed, runs[RunKey(number, seed)]) for seed in spec.seed_list if RunKey(number, seed) in runs]
    counting = _that_count(number, spec, runs)
    rows.sort(key=lambda row: row.seed not in counting)  # where runs compete, those that went on stand first
    trial = Trial.model_validate({"trial": number, "values": values, "score": None, "runs": rows})
    scores = _scores([row for row in rows if row.seed in counting])
    if not len(scores):
        return trial
    interval = bootstrap([scores])
    low, high = (interval.low, interval.high) if len(scores) > 1 else (None, None)
    estimate = Interval(mean=interval.estimate, low=low, high=high)
    return trial.model_copy(update={"score": estimate})


def _shown(seed: int, run: RunRow) -> StudyRun:
    return StudyRun(
        seed=seed,
        experiment_id=run.experiment_id,
        state=run.state,
        reason=run.reason,
        environment_steps=run.environment_steps,
        elapsed_seconds=run.elapsed_seconds,
        core_hours=run.core_seconds / 3600,
        last_score=run.tests[-1].score if run.tests else None,
        best_score=run.best_score,
    )


def _that_count(trial: int, spec: StudySpec, runs: Mapping[RunKey, RunRow]) -> dict[int, RunRow]:
    """Return a trial's runs by seed; where runs compete, those that were to go furthest: others ended early."""
    found = {seed: runs[key] for seed in spec.seed_list if (key := RunKey(trial, seed)) in runs}
    if not spec.runs_compete:
        return found
    furthest = max((run.stop_steps for run in found.values()), default=0)
    return {seed: run for seed, run in found.items() if run.stop_steps == furthest}


def _rung(trial: int, spec: StudySpec, runs: Mapping[RunKey, RunRow]) -> int:
    """Return how many of the halving's rungs a trial was sent to; all come to the same without halving."""
    steps = max((run.stop_steps for run in _that_count(trial, spec, runs).values()), default=0)
    return bisect_right(spec.rungs(), steps) if spec.halving else 0


def _scores(runs: Sequence[StudyRun]) -> NDArray[np.float64]:
    return np.array([run.last_score for run in runs if run.last_score is not None], np.float64)


def _curve(trial: int, runs: Sequence[RunRow], against: Axis) -> Curve | None:
    if not runs:
        return None
    lines = [([getattr(test, against) for test in run.tests], [test.score for test in run.tests]) for run in runs]
    band = curve_over_runs(lines)
    if band is None:
        return None
    return Curve(trial=trial, runs=len(runs), x=band.x, mean=band.estimate, low=band.low, high=band.high)
