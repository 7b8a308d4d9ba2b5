"""Schedules: how σ or a learning rate falls as training goes on.

A schedule is a pure function of the clock, so that it needs no state: a factor, 1 at the start, of the value that
it schedules. It counts generations, or training steps, which treat populations and episodes of all sizes alike.
Cosine: Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts" (2017,
https://arxiv.org/abs/1608.03983), equation 5, without restarts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal, Self, overload

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from seedcast.shared.spec.base import Spec

Vector = NDArray[np.float64]
Decay = Annotated[float, Field(gt=0, le=1)]
Share = Annotated[float, Field(gt=0, le=1)]
Generations = Annotated[int, Field(ge=1, le=10_000_000)]


EnvironmentSteps = Annotated[int, Field(ge=1, le=10**15)]


@dataclass(frozen=True)
class Clock:
    """How far training has come."""

    generation: int
    """Generations told."""
    environment_steps: int = 0
    """Training steps that they took, all together."""


class ExponentialSpec(Spec):
    """Multiplied by ``decay`` after each generation, or each ``environment_steps``, down to ``floor``."""

    name: Literal["exponential"] = "exponential"
    decay: Decay = Field(default=0.999, description="Multiplies the value after each generation.")
    environment_steps: EnvironmentSteps | None = Field(
        default=None, description="The decay is that of so many training steps, and not of a generation."
    )
    floor: Share = Field(default=0.01, description="Where it stops, as a share of the value at the start.")

    def factor(self, clock: Clock) -> float:
        """Return the value at a time, as a share of that at the start."""
        if self.environment_steps is None:
            return float(max(self.decay**clock.generation, self.floor))
        return float(max(self.decay ** (clock.environment_steps / self.environment_steps), self.floor))


class _Lasting(Spec):
    """From 1 to ``final`` within ``generations`` or ``environment_steps``, and constant from there."""

    generations: Generations | None = Field(
        default=None, description="When it stops to fall; give this or environment_steps."
    )
    environment_steps: EnvironmentSteps | None = Field(
        default=None, description="When it stops to fall, in training steps."
    )
    final: Share = Field(default=0.01, description="Where it stops, as a share of the value at the start.")

    @model_validator(mode="after")
    def _one_unit(self) -> Self:
        if (self.generations is None) == (self.environment_steps is None):
            raise ValueError("give generations or environment_steps, one of them")
        return self

    def past(self, clock: Clock) -> float:
        """Return which share of the time is over, from 0 to 1."""
        if self.generations is not None:
            return min(clock.generation / self.generations, 1.0)
        return min(clock.environment_steps / (self.environment_steps or 1), 1.0)


class LinearScheduleSpec(_Lasting):
    """In equal steps from 1 to ``final``, and constant from there."""

    name: Literal["linear"] = "linear"

    def factor(self, clock: Clock) -> float:
        """Return the value at a time, as a share of that at the start."""
        past = self.past(clock)
        return (1.0 - past) + past * self.final  # exactly ``final`` at the end, however small


class CosineSpec(_Lasting):
    """Along half a cosine from 1 to ``final``, and constant from there."""

    name: Literal["cosine"] = "cosine"

    def factor(self, clock: Clock) -> float:
        """Return the value at a time, as a share of that at the start."""
        past = self.past(clock)
        return self.final + (1.0 - self.final) * (1.0 + math.cos(math.pi * past)) / 2.0


ScheduleSpec = ExponentialSpec | LinearScheduleSpec | CosineSpec
AnySchedule = Annotated[ScheduleSpec, Field(discriminator="name")] | None
"""None is constant."""


def factor(schedule: ScheduleSpec | None, clock: Clock) -> float:
    """Return the scheduled value at a time, as a share of that at the start."""
    return 1.0 if schedule is None else schedule.factor(clock)


def change(schedule: ScheduleSpec | None, start: Clock, end: Clock) -> float:
    """Return what a value that learning moves too is multiplied by between two times."""
    return factor(schedule, end) / factor(schedule, start)


@overload
def decayed(value: float, decay: float, limit: float) -> float: ...


@overload
def decayed(value: Vector, decay: float, limit: float) -> Vector: ...


def decayed(value: float | Vector, decay: float, limit: float) -> float | Vector:
    """Return the value times ``decay``; what is at or below the limit stays: estool's rule, by element."""
    if isinstance(value, float):
        return value * decay if value > limit else value
    return np.where(value > limit, value * decay, value)
