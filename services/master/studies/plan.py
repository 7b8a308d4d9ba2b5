"""What a study does next: a pure function of its specification and of how its runs stand.

Nothing is remembered between two calls. A restarted master, or one that was killed between two instructions, comes
to the same decisions from the same runs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from seedcast.shared.spec.study import StudySpec


@dataclass(frozen=True)
class RunKey:
    """Which run of a study: a trial and a seed."""

    trial: int
    seed: int


class RunState(StrEnum):
    """How a run stands."""

    ACTIVE = "active"
    COMPLETED = "completed"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True)
class Run:
    """What a study has to know of a run."""

    state: RunState
    environment_steps: int = 0
    """As of the last committed generation."""
    stop_steps: int = 0
    """Where it was told to stop."""
    core_seconds: float = 0.0
    cut_short: bool = False
    """It has completed, and by its stop conditions, which were raised since, it should go on."""
    tests: Sequence[tuple[int, float]] = field(default_factory=tuple)
    """(training steps, mean return) of each test, oldest first; so that larger is better."""

    def score_at(self, environment_steps: int) -> float:
        """Return the first test's return at or after so many training steps, or the last; -inf without any."""
        after = next((score for steps, score in self.tests if steps >= environment_steps), None)
        return after if after is not None else self.tests[-1][1] if self.tests else -math.inf


@dataclass(frozen=True)
class Start:
    """Create a run that stops after so many training steps."""

    run: RunKey
    environment_steps: int


@dataclass(frozen=True)
class Extend:
    """Have a completed run go on until it has so many training steps."""

    run: RunKey
    environment_steps: int


@dataclass(frozen=True)
class Stop:
    """Stop a run: the budget is used up."""

    run: RunKey


@dataclass(frozen=True)
class Finish:
    """The study is over."""

    reason: str


Instruction = Start | Extend | Stop | Finish


def decide(spec: StudySpec, runs: Mapping[RunKey, Run]) -> list[Instruction]:
    """Return what to do now; nothing, while there is only to wait."""
    active = [key for key, run in runs.items() if run.state is RunState.ACTIVE]
    used = sum(run.core_seconds for run in runs.values()) / 3600
    if spec.budget.core_hours is not None and used >= spec.budget.core_hours:
        stops: list[Instruction] = [Stop(key) for key in active]
        return stops or [Finish(f"the budget of {spec.budget.core_hours:g} core-hours is used up")]
    instructions, free = list[Instruction](), spec.budget.runs_at_once - len(active)
    candidates = [[RunKey(*run) for run in candidate] for candidate in spec.candidates()]
    for number, steps in enumerate(spec.rungs()):
        keys = [key for candidate in candidates for key in candidate]
        for key in keys:
            if free > 0 and (instruction := _towards(key, steps, runs.get(key))) is not None:
                instructions.append(instruction)
                free -= 1
        if not all(_done(runs.get(key), steps) for key in keys):
            return instructions
        candidates = _best(spec, runs, candidates, number)
    return [Finish("every run has ended")]


def _towards(key: RunKey, steps: int, run: Run | None) -> Instruction | None:
    if run is None:
        return Start(key, steps)
    if run.state is RunState.COMPLETED and (run.cut_short or run.stop_steps < steps):
        return Extend(key, steps)
    return None


def _done(run: Run | None, steps: int) -> bool:
    """Whether a run has come to ``steps``, or to its own end before (its target, a failure, a user's stop)."""
    if run is None or run.state is RunState.ACTIVE:
        return False
    return run.state is not RunState.COMPLETED or (run.stop_steps >= steps and not run.cut_short)


def _best(
    spec: StudySpec, runs: Mapping[RunKey, Run], candidates: list[list[RunKey]], rung: int
) -> list[list[RunKey]]:
    """Return the candidates that go on after a rung, in their old order; one with a failed run goes no further."""
    levels = spec.rungs()
    if spec.halving is None or rung + 1 == len(levels):
        return candidates

    def score(candidate: list[RunKey]) -> float:
        its_runs = [runs[key] for key in candidate]
        if any(run.state is not RunState.COMPLETED for run in its_runs):
            return -math.inf
        return float(np.mean([run.score_at(levels[rung]) for run in its_runs]))

    scores = [score(candidate) for candidate in candidates]
    ranked = sorted(range(len(candidates)), key=lambda index: -scores[index])  # stable: ties go to the earlier one
    kept = sorted(ranked[: spec.halving.kept(len(candidates))])
    return [candidates[index] for index in kept if scores[index] > -math.inf]
