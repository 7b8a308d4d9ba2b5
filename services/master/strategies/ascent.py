"""How a mean follows its gradient: an optimizer, the schedule of its step size, and the decay of the parameters.

Decoupled weight decay: Loshchilov and Hutter, "Decoupled weight decay regularization" (2019,
https://arxiv.org/abs/1711.05101).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from seedcast.services.master.strategies.base import State
from seedcast.services.master.strategies.optimizers import AnyOptimizerSpec, ClipUpSpec, build_optimizer
from seedcast.services.master.strategies.schedules import AnySchedule, Clock, factor
from seedcast.shared.spec.strategy import StrategySpec

Vector = NDArray[np.float64]


class AscentOptions(StrategySpec):
    """What every strategy has whose mean follows a gradient."""

    optimizer: AnyOptimizerSpec = Field(default=ClipUpSpec(), description="How the mean follows its gradient.")
    learning_rate_schedule: AnySchedule = Field(
        default=None, description="How the optimizer's step size falls (and ClipUp's speed limit with it)."
    )
    weight_decay: Annotated[float, Field(ge=0, le=1000)] = Field(
        default=0.0, description="Pulls the mean towards zero in each generation."
    )
    weight_decay_form: Literal["gradient", "decoupled"] = Field(
        default="gradient",
        description="Weight decay times the mean is taken off the gradient, before the optimizer; or, decoupled, "
        "weight decay times step size times the mean off the mean.",
    )


class Ascent:
    """Steps of one mean uphill. What changes is the optimizer's."""

    def __init__(self, options: AscentOptions, dimension: int) -> None:
        self._options = options
        self._optimizer = build_optimizer(options.optimizer, dimension)

    def step_size(self, clock: Clock) -> float:
        """Return the optimizer's step size in the generation that begins at a time."""
        return self._options.optimizer.step_size * factor(self._options.learning_rate_schedule, clock)

    def step(self, mean: Vector, gradient: Vector, step_size: float) -> Vector:
        """Return the next mean, given the gradient ``(dimension,)`` at this one."""
        decay = self._options.weight_decay
        if decay and self._options.weight_decay_form == "gradient":
            gradient = gradient - decay * mean
        step = self._optimizer.ascend(gradient, step_size)
        if decay and self._options.weight_decay_form == "decoupled":
            step -= step_size * decay * mean
        return mean + step

    def rest(self) -> None:
        """Forget every gradient."""
        self._optimizer.rest()

    def state(self) -> State:
        """Return the optimizer's state, each name after ``optimizer.``."""
        return {f"{_PREFIX}{name}": value for name, value in self._optimizer.state().items()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go back to a state returned earlier; other names are ignored."""
        names = (name for name in state if name.startswith(_PREFIX))
        self._optimizer.restore({name.removeprefix(_PREFIX): state[name] for name in names})


_PREFIX = "optimizer."
