"""Searching for settings: Optuna proposes a trial's values, a master runs it over seeds, its score is told back.

Akiba, Sano, Yanase, Ohta and Koyama, "Optuna: a next-generation hyperparameter optimization framework" (2019,
https://arxiv.org/abs/1907.10902), by ask and tell. Needs the extra ``optuna``. Trials live in Optuna's storage,
and every run is submitted under a key of its own: a search that was cut off goes on with the runs that it had.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import optuna
from optuna.samplers import BaseSampler, TPESampler
from optuna.trial import Trial, TrialState
from pydantic import JsonValue

from seedcast.client import Client
from seedcast.services.master.experiments.schemas import Experiment
from seedcast.services.master.experiments.status import Status
from seedcast.shared.errors import InvalidInput
from seedcast.shared.spec.study import AxisSpec, StudySpec
from seedcast.shared.validation import one_line

LOOK_SECONDS = 1.0
SPECIFICATION = "seedcast_specification"
"""The attribute of a stored study that says what its trials are of."""
ENDED = (Status.COMPLETED, Status.STOPPED, Status.FAILED)


@dataclass(frozen=True)
class Tried:
    """A trial that has ended."""

    number: int
    values: dict[str, JsonValue]
    score: float | None
    """The mean over its seeds of the last test's return; None: a run of it failed or was stopped."""


@dataclass
class _Running:
    trial: Trial
    values: dict[str, JsonValue]
    runs: list[str] = field(default_factory=list)
    """Ids of its experiments, one a seed."""


def tune(
    client: Client,
    spec: StudySpec,
    *,
    storage: str | None = None,
    sampler: BaseSampler | None = None,
    say: Callable[[Tried], None] = lambda _: None,
) -> list[Tried]:
    """Run the ``draws`` trials of ``spec``, whose values ``sampler`` proposes; return them, the best first.

    ``storage`` is where Optuna keeps them, such as ``sqlite:///tuning.db``; without it they are forgotten at the
    end. ``sampler`` is TPE, seeded with ``draw_seed``, unless given. ``say`` is called with each trial that ends.
    As many trials run at once as ``runs_at_once`` has room for, each with all of its seeds, and one at least;
    scores are those at the budget's steps.

    Raises:
        InvalidInput: the study has no ``draws`` or no axes, or has ``halving`` or a budget of core-hours, which a
            search does not heed; a trial's values do not fit its specification; or the storage cannot be used, or
            holds the trials of another study of this name.
    """
    draws = _draws(spec)
    study = _study(spec, storage)
    # A sampler forgets what it has drawn: one that goes on must not draw the same again.
    drawn = len(study.get_trials(deepcopy=False))
    study.sampler = sampler or TPESampler(seed=(spec.draw_seed + drawn) % 2**32)
    at_once = max(1, spec.budget.runs_at_once // len(spec.seed_list))
    running = [
        _begin(client, spec, Trial(study, one._trial_id))
        for one in study.get_trials(deepcopy=False, states=[TrialState.RUNNING])
    ]
    while True:
        while len(running) < at_once and len(study.get_trials(deepcopy=False)) < draws:
            running.append(_begin(client, spec, study.ask()))
        if not running:
            return _ended(study, spec)
        for one in list(running):
            experiments = [client.experiment(run) for run in one.runs]
            if all(run.status in ENDED for run in experiments):
                running.remove(one)
                say(_tell(client, study, one, experiments))
        if running:
            time.sleep(LOOK_SECONDS)


def _draws(spec: StudySpec) -> int:
    """Return how many trials to run, of a study that can be searched."""
    if spec.draws is None:
        raise InvalidInput.of("draws", "is needed: how many trials to run")
    if not spec.axes:
        raise InvalidInput.of("axes", "is needed: what to vary")
    for name, given in (("halving", spec.halving), ("budget.core_hours", spec.budget.core_hours)):
        if given is not None:
            raise InvalidInput.of(name, "is not heeded where Optuna chooses: start the study without it")
    return spec.draws


def _study(spec: StudySpec, storage: str | None) -> optuna.Study:
    """Return the study in the storage, or a new one; only one with the same trials is gone on with."""
    try:
        study = optuna.create_study(
            study_name=spec.name, storage=storage, load_if_exists=True, direction="maximize"
        )
        same = spec.model_dump_json(exclude={"draws": True, "draw_seed": True, "budget": {"runs_at_once"}})
        digest = hashlib.sha256(same.encode()).hexdigest()
        before = study.user_attrs.get(SPECIFICATION, digest)
        study.set_user_attr(SPECIFICATION, before)
    except Exception as error:  # of SQLAlchemy, its drivers or Optuna
        if storage is None:
            raise
        raise InvalidInput.of("storage", f"cannot be used: {one_line(error)}", storage) from error
    if before != digest:
        reason = f"holds trials of another study named {spec.name}, with other axes, seeds, steps or specification"
        raise InvalidInput.of("storage", reason, storage)
    return study


def _begin(client: Client, spec: StudySpec, trial: Trial) -> _Running:
    values = {axis.field: _suggested(trial, axis) for axis in spec.axes}
    one = _Running(trial, values)
    for seed in spec.seed_list:
        try:
            run = spec.experiment(trial.number, seed, spec.budget.environment_steps, values)
        except InvalidInput:  # or it would be begun again each time the search goes on
            trial.study.tell(trial, state=TrialState.FAIL)
            raise
        digest = hashlib.sha256(run.model_dump_json().encode()).hexdigest()
        one.runs.append(client.submit(run, key=f"tune-{digest[:32]}").id)
    return one


def _suggested(trial: Trial, axis: AxisSpec) -> JsonValue:
    if axis.values is not None:
        choices = [json.dumps(value) for value in axis.values]  # Optuna takes no lists
        chosen: JsonValue = json.loads(str(trial.suggest_categorical(axis.field, choices)))
        return chosen
    low, high, log = float(axis.low or 0.0), float(axis.high or 0.0), axis.scale == "log"
    if axis.integer:
        return trial.suggest_int(axis.field, round(low), round(high), log=log)
    return trial.suggest_float(axis.field, low, high, log=log)


def _tell(client: Client, study: optuna.Study, one: _Running, experiments: list[Experiment]) -> Tried:
    tests = [client.tests(run.id) for run in experiments]
    if any(run.status is not Status.COMPLETED for run in experiments) or not all(tests):
        study.tell(one.trial, state=TrialState.FAIL)
        return Tried(one.trial.number, one.values, None)
    score = sum(run[-1].returns.mean for run in tests) / len(tests)
    one.trial.set_user_attr("score", score)
    study.tell(one.trial, experiments[0].sign * score)
    return Tried(one.trial.number, one.values, score)


def _ended(study: optuna.Study, spec: StudySpec) -> list[Tried]:
    best_first = sorted(
        study.get_trials(deepcopy=False), key=lambda one: (one.value is None, -(one.value or 0.0), one.number)
    )
    axes = {axis.field: axis for axis in spec.axes}
    return [Tried(one.number, _plain(axes, one.params), one.user_attrs.get("score")) for one in best_first]


def _plain(axes: Mapping[str, AxisSpec], parameters: Mapping[str, object]) -> dict[str, JsonValue]:
    """Return a stored trial's values as the specification has them."""
    return {
        name: json.loads(str(value)) if axes[name].values is not None else value  # type: ignore[misc]
        for name, value in parameters.items()
        if name in axes
    }
