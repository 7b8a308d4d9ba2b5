"""Schedules: how σ or a learning rate falls from generation to generation.

A schedule is a pure function of the generation, so that it needs no state: a factor, 1 at the start, of the value
that it schedules. Cosine: Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts" (2017,
https://arxiv.org/abs/1608.03983), equation 5, without restarts.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, overload

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from shared.spec.base import Spec

Vector = NDArray[np.float64]
Decay = Annotated[float, Field(gt=0, le=1)]
Share = Annotated[float, Field(gt=0, le=1)]
Generations = Annotated[int, Field(ge=1, le=10_000_000)]


class ExponentialSpec(Spec):
    """Multiplied by ``decay`` after each generation, down to ``floor``."""

    name: Literal["exponential"] = "exponential"
    decay: Decay = Field(default=0.999, description="Multiplies the value after each generation.")
    floor: Share = Field(default=0.01, description="Where it stops, as a share of the value at the start.")

    def factor(self, generation: int) -> float:
        """Return the value in a generation, as a share of that in generation 0."""
        return max(self.decay**generation, self.floor)


class LinearScheduleSpec(Spec):
    """In equal steps from 1 to ``final`` over ``generations``, and constant from there."""

    name: Literal["linear"] = "linear"
    generations: Generations = Field(description="When it stops to fall.")
    final: Share = Field(default=0.01, description="Where it stops, as a share of the value at the start.")

    def factor(self, generation: int) -> float:
        """Return the value in a generation, as a share of that in generation 0."""
        past = min(generation / self.generations, 1.0)
        return (1.0 - past) + past * self.final  # exactly ``final`` at the end, however small


class CosineSpec(Spec):
    """Along half a cosine from 1 to ``final`` over ``generations``, and constant from there."""

    name: Literal["cosine"] = "cosine"
    generations: Generations = Field(description="When it stops to fall.")
    final: Share = Field(default=0.01, description="Where it stops, as a share of the value at the start.")

    def factor(self, generation: int) -> float:
        """Return the value in a generation, as a share of that in generation 0."""
        past = min(generation / self.generations, 1.0)
        return self.final + (1.0 - self.final) * (1.0 + math.cos(math.pi * past)) / 2.0


ScheduleSpec = ExponentialSpec | LinearScheduleSpec | CosineSpec
AnySchedule = Annotated[ScheduleSpec, Field(discriminator="name")] | None
"""None is constant."""


def factor(schedule: ScheduleSpec | None, generation: int) -> float:
    """Return the scheduled value in a generation, as a share of that in generation 0."""
    return 1.0 if schedule is None else schedule.factor(generation)


def change(schedule: ScheduleSpec | None, generation: int) -> float:
    """Return what a value that learning moves too is multiplied by at the end of a generation."""
    return factor(schedule, generation + 1) / factor(schedule, generation)


@overload
def decayed(value: float, decay: float, limit: float) -> float: ...


@overload
def decayed(value: Vector, decay: float, limit: float) -> Vector: ...


def decayed(value: float | Vector, decay: float, limit: float) -> float | Vector:
    """Return the value times ``decay``; what is at or below the limit stays: estool's rule, by element."""
    if isinstance(value, float):
        return value * decay if value > limit else value
    return np.where(value > limit, value * decay, value)
