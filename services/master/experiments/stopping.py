"""When an experiment is over, as its specification says, and in which words."""

from __future__ import annotations

from seedcast.services.master.evolution.state import Evolution
from seedcast.shared.spec.experiment import ExperimentSpec


def limit_reached(spec: ExperimentSpec, evolution: Evolution, elapsed_seconds: float) -> str | None:
    """Say which limit a search has come to in ``elapsed_seconds`` of training; None where it goes on."""
    stop = spec.stop
    if evolution.generation >= stop.generations:
        return "its one generation done" if stop.generations == 1 else f"all {stop.generations} generations done"
    if stop.environment_steps is not None and evolution.environment_steps >= stop.environment_steps:
        steps = "environment steps" if spec.objective is None else "evaluations"
        return f"{evolution.environment_steps} {steps} done, the limit is {stop.environment_steps}"
    if stop.wall_time_seconds is not None and elapsed_seconds >= stop.wall_time_seconds:
        return f"{elapsed_seconds:.0f} s done, the limit is {stop.wall_time_seconds:g}"
    return None


def target_reached(spec: ExperimentSpec, score: float | None, generation: int | None, sign: int) -> str | None:
    """Say that the test of a generation came to the target; ``sign`` is -1 where less is better. None if not."""
    target = spec.stop.target
    if target is None or score is None or sign * score < sign * target:
        return None
    if spec.objective is not None:
        return f"the tested value {score:.6g} reached the target {target:g} at generation {generation}"
    return f"test return {score:.2f} reached the target {target:g} at generation {generation}"
