"""`StudySpec`: one specification, varied along axes and over seeds, within a budget."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, JsonValue, StrictBool, ValidationError, model_validator

from seedcast.shared.errors import FieldError, InvalidInput
from seedcast.shared.seeding import Purpose, generator
from seedcast.shared.spec.base import Spec
from seedcast.shared.spec.experiment import ExperimentSpec
from seedcast.shared.spec.parse import check_spec, parse_values, read_values
from seedcast.shared.validation import contradiction, invalid

MOST_RUNS = 10_000


Seed = Annotated[int, Field(ge=0, lt=2**63)]
Seeds = Annotated[list[Seed], Field(min_length=1, max_length=1000)] | Annotated[int, Field(ge=1, le=1000)]

Bound = Annotated[float, Field(ge=-1e15, le=1e15)]


class AxisSpec(Spec):
    """One field that differs from trial to trial: among ``values``, or drawn between ``low`` and ``high``."""

    field: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*$", max_length=200)] = Field(
        description="Where it stands in the specification, such as `strategy.radius`."
    )
    values: Annotated[list[JsonValue], Field(min_length=1, max_length=1000)] | None = Field(
        default=None, description="Each is tried; in a random draw each is as likely."
    )
    low: Bound | None = Field(default=None, description="Where a range begins.")
    high: Bound | None = Field(default=None, description="Where it ends.")
    scale: Literal["linear", "log"] = Field(default="linear", description="How a range is drawn from.")
    integer: StrictBool = Field(default=False, description="Drawn numbers are rounded to whole ones.")

    @model_validator(mode="after")
    def _values_or_a_range(self) -> Self:
        if (self.values is None) == (self.low is None and self.high is None):
            raise contradiction("", f"{self.field} needs either values, or low and high")
        if self.values is None:
            if self.low is None or self.high is None or not self.low < self.high:
                raise contradiction("low", f"must be below high, got {self.low} and {self.high}")
            if self.scale == "log" and self.low <= 0:
                raise contradiction("low", f"must be above 0 on a log scale, got {self.low}")
        return self

    def drawn(self, uniform: float) -> JsonValue:
        """Return the value at ``uniform``, from 0 to 1 and below it."""
        if self.values is not None:
            return self.values[int(uniform * len(self.values))]
        low, high = float(self.low or 0.0), float(self.high or 0.0)
        if self.scale == "log":
            value = math.exp(math.log(low) + uniform * (math.log(high) - math.log(low)))
        else:
            value = low + uniform * (high - low)
        return round(value) if self.integer else value


class BudgetSpec(Spec):
    """What a study may use."""

    environment_steps: Annotated[int, Field(ge=1, le=10**15)] = Field(description="Training steps of one run.")
    core_hours: Annotated[float, Field(gt=0, le=1e9)] | None = Field(
        default=None, description="Of all runs together: once they are used, no run goes on."
    )
    runs_at_once: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=1, description="Runs that train at the same time; they share the workers."
    )


class HalvingSpec(Spec):
    """Successive halving: all trials run for a while, the best of them for longer, and so on.

    Jamieson and Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization" (2016,
    https://arxiv.org/abs/1502.07943). They are compared by their mean test return at equal training steps.
    """

    first_environment_steps: Annotated[int, Field(ge=1, le=10**15)] = Field(description="Of one run, at first.")
    keep: Annotated[float, Field(ge=1 / MOST_RUNS, le=0.9)] = Field(
        default=1 / 3, description="The share of them that goes on, each for 1 / keep times as many steps."
    )
    among: Literal["trials", "runs"] = Field(
        default="trials",
        description="What competes. trials: settings, by the mean over their seeds. runs: each run by itself, "
        "such as several starts of one search, of which the one that does best goes on.",
    )

    def kept(self, candidates: int) -> int:
        """Return how many of so many go on: one at least."""
        return max(1, math.ceil(candidates * self.keep))


class StudySpec(Spec):
    """One study. The same specification always gives the same runs."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=80)] = Field(
        description="Its runs are called after it."
    )
    specification: dict[str, JsonValue] = Field(description="An experiment's; its `name` and `seed` are replaced.")
    axes: Annotated[list[AxisSpec], Field(max_length=20)] = Field(
        default_factory=list, description="What differs from trial to trial; nothing: one trial over all seeds."
    )
    draws: Annotated[int, Field(ge=1, le=MOST_RUNS)] | None = Field(
        default=None, description="How many trials are drawn at random; without it the whole grid is run."
    )
    draw_seed: Seed = Field(default=0, description="Another one draws other trials.")
    seeds: Seeds = Field(default=3, description="Each trial's seeds, or how many: 3 stands for 0, 1, 2.")
    budget: BudgetSpec
    halving: HalvingSpec | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        fields = [axis.field for axis in self.axes]
        if len(set(fields)) < len(fields):
            raise contradiction("axes", "two axes have the same field")
        if self.draws is None and any(axis.values is None for axis in self.axes):
            raise contradiction("draws", "is needed where an axis is a range: so many trials are drawn")
        if len(set(self.seed_list)) < len(self.seed_list):
            raise contradiction("seeds", "the same seed twice gives the same run twice")
        if (runs := self.trial_count * len(self.seed_list)) > MOST_RUNS:
            raise contradiction("axes", f"{runs} runs are over the limit of {MOST_RUNS}")
        if self.halving and self.halving.first_environment_steps > self.budget.environment_steps:
            raise contradiction("halving.first_environment_steps", "is more than the budget's environment_steps")
        return self

    @property
    def seed_list(self) -> list[int]:
        """Every trial's seeds."""
        return list(range(self.seeds)) if isinstance(self.seeds, int) else self.seeds

    @property
    def trial_count(self) -> int:
        """How many settings are tried."""
        return self.draws or math.prod(len(axis.values or ()) for axis in self.axes)

    def trials(self) -> list[dict[str, JsonValue]]:
        """Return every trial's values by field, in an order that never changes."""
        if self.draws is None:
            grid = itertools.product(*(axis.values or () for axis in self.axes))
            return [{axis.field: value for axis, value in zip(self.axes, point, strict=True)} for point in grid]
        uniform = generator(self.draw_seed, Purpose.STUDY).random((self.draws, len(self.axes)))
        return [
            {axis.field: axis.drawn(float(u)) for axis, u in zip(self.axes, row, strict=True)} for row in uniform
        ]

    def rungs(self) -> list[int]:
        """Return the training steps at which trials are compared, rising to the last one; one without halving.

        The last are the budget's, or those at which the specification itself stops, if they are fewer.
        """
        whole = min(self.budget.environment_steps, self._own_stop or self.budget.environment_steps)
        if self.halving is None:
            return [whole]
        levels = list[int]()
        steps = float(self.halving.first_environment_steps)
        while round(steps) < whole:
            levels.append(round(steps))
            steps /= self.halving.keep
        return [*levels, whole]

    @property
    def runs_compete(self) -> bool:
        """Whether runs are compared one by one, and not settings over their seeds."""
        return self.halving is not None and self.halving.among == "runs"

    def candidates(self) -> list[list[tuple[int, int]]]:
        """Return what competes in halving, as the runs (trial, seed) of each."""
        runs = [[(trial, seed) for seed in self.seed_list] for trial in range(self.trial_count)]
        if self.runs_compete:
            return [[run] for of_trial in runs for run in of_trial]
        return runs

    @property
    def most_steps(self) -> int:
        """Training steps of all runs together: by halving, most of them end early."""
        candidates = self.candidates()
        left, before, total = len(candidates), 0, 0
        for steps in self.rungs():
            total += left * (steps - before)
            before = steps
            left = self.halving.kept(left) if self.halving else left
        return total * len(candidates[0])

    def experiment(
        self, trial: int, seed: int, environment_steps: int, chosen: Mapping[str, JsonValue] | None = None
    ) -> ExperimentSpec:
        """Return one run's specification, which stops after so many training steps.

        ``chosen`` are values by field that somebody else has chosen for the trial.

        Raises:
            InvalidInput: a value of this trial does not fit; the field is named.
        """
        values = json.loads(json.dumps(self.specification))
        for field, value in (self.trials()[trial] if chosen is None else chosen).items():
            put(values, field, value)
        values |= {"name": f"{self.name}-{trial}-{seed}", "seed": seed}
        if values.get("stop") is None:
            values["stop"] = {}
        if isinstance(stop := values["stop"], dict):  # whatever else it is, it is refused
            if stop.get("environment_steps") is None or self._own_stop:
                stop["environment_steps"] = environment_steps
            stop.setdefault("generations", 10_000_000)
        return check_spec(values)

    @property
    def _own_stop(self) -> int | None:
        """The training steps at which the specification itself stops; None without, and where they are refused."""
        stop = self.specification.get("stop")
        steps = stop.get("environment_steps") if isinstance(stop, dict) else None
        if isinstance(steps, bool) or not isinstance(steps, int | float) or steps < 1:
            return None
        return int(steps)

    def check(self) -> None:
        """Check every trial's specification.

        Raises:
            InvalidInput: one breaks a rule; the trial's values and the field are named.
        """
        for number, axis in enumerate(self.axes):
            if axis.field in ("stop", "stop.environment_steps"):
                reason = "all trials train for as many steps, as they are compared: the budget says how many"
                raise InvalidInput.of(f"axes.{number}.field", reason, axis.field)
            if axis.field in ("name", "seed"):
                reason = "every run has its own: `seeds` says which seeds a trial has"
                raise InvalidInput.of(f"axes.{number}.field", reason, axis.field)
            tried = [json.dumps(value) for value in axis.values or ()]
            if self.draws is None and len({*tried}) < len(tried):  # among which is drawn, some may be likelier
                raise InvalidInput.of(f"axes.{number}.values", "the same value twice gives the same trial twice")
        for number, values in enumerate(self.trials()):
            try:
                self.experiment(number, self.seed_list[0], self.rungs()[0])
            except InvalidInput as error:
                raise _with_values(error, values) from error


def _with_values(error: InvalidInput, values: Mapping[str, JsonValue]) -> InvalidInput:
    """Return the error as one of the study's specification, with the trial that it comes from."""
    trial = f" (with {', '.join(f'{field}={value}' for field, value in values.items())})" if values else ""
    return InvalidInput(
        [FieldError(f"specification.{one.field}", one.reason + trial, one.value) for one in error.errors]
    )


def parse_study(text: bytes | str, only_json: bool = False) -> StudySpec:
    """Read a study's specification from YAML or JSON.

    Raises:
        InvalidInput: it is neither, or it breaks a rule; every field is named.
    """
    return _of_values(parse_values(text, only_json))


def read_study(path: str | Path) -> StudySpec:
    """Read a study's file; its `specification` may be that of another file, whose path is from this one's folder.

    Raises:
        InvalidInput: one of them cannot be read, or breaks a rule.
    """
    values = read_values(path)
    if isinstance(values, dict) and isinstance(base := values.get("specification"), str):
        values["specification"] = read_values(Path(path).parent / base)
    return _of_values(values)


def _of_values(values: object) -> StudySpec:
    try:
        return StudySpec.model_validate(values)
    except ValidationError as error:
        raise invalid(error, values) from error


def put(values: dict[str, Any], field: str, value: JsonValue) -> None:
    """Set a field by its path, making the mappings on the way."""
    *parents, last = field.split(".")
    for parent in parents:
        inner = values.get(parent)
        if not isinstance(inner, dict):
            inner = values[parent] = {}
        values = inner
    values[last] = value
