"""Optimizers: they turn an estimated gradient into a step of the mean, uphill.

- Adam: Kingma and Ba, "Adam: a method for stochastic optimization" (2015, https://arxiv.org/abs/1412.6980).
- ClipUp: Toklu, Liskowski and Srivastava, "ClipUp: a simple and powerful optimizer for distribution-based
  policy evolution" (2020, https://arxiv.org/abs/2008.02387).
- SGD with momentum: Polyak, "Some methods of speeding up the convergence of iteration methods" (1964,
  https://doi.org/10.1016/0041-5553(64)90137-5).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from seedcast.services.master.strategies.base import State
from seedcast.shared.spec.base import Spec

Vector = NDArray[np.float64]
StepSize = Annotated[float, Field(gt=0, le=100)]
Decay = Annotated[float, Field(ge=0, lt=1)]


class AdamSpec(Spec):
    """Adam, with the paper's defaults for all but the step size."""

    name: Literal["adam"] = "adam"
    step_size: StepSize = Field(default=0.01, description="α: about the length of a step in each parameter.")
    beta1: Decay = Field(default=0.9, description="How much of the mean gradient is kept from step to step.")
    beta2: Decay = Field(default=0.999, description="How much of the mean squared gradient is kept.")
    epsilon: Annotated[float, Field(gt=0, le=1)] = Field(default=1e-8, description="Keeps the division finite.")


class ClipUpSpec(Spec):
    """ClipUp, with the paper's rule of thumb: the step size is half the speed limit."""

    name: Literal["clipup"] = "clipup"
    step_size: StepSize = Field(default=0.15, description="α: the length added to the velocity in each step.")
    max_speed: Annotated[float, Field(gt=0, le=1000)] = Field(
        default=0.3, description="The greatest length of the velocity."
    )
    momentum: Decay = Field(default=0.9, description="How much of the velocity is kept from step to step.")


class SGDSpec(Spec):
    """Gradient ascent with heavy-ball momentum."""

    name: Literal["sgd"] = "sgd"
    step_size: StepSize = Field(default=0.1, description="α: multiplies the gradient.")
    momentum: Decay = Field(default=0.9, description="How much of the velocity is kept from step to step.")


AnyOptimizerSpec = Annotated[AdamSpec | ClipUpSpec | SGDSpec, Field(discriminator="name")]


class Optimizer(ABC):
    """Base of the optimizers. The step size comes with each call: a schedule belongs to the strategy."""

    @abstractmethod
    def ascend(self, gradient: Vector, step_size: float) -> Vector:
        """Take in a gradient ``(dimension,)`` and return what to add to the parameters."""

    @abstractmethod
    def state(self) -> State:
        """Return all that changes."""

    @abstractmethod
    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go back to a state returned earlier."""

    def rest(self) -> None:
        """Forget every gradient: as built, all that changes is zero."""
        self.restore({name: np.zeros_like(value) for name, value in self.state().items()})


class Adam(Optimizer):
    """Adam: each parameter's step is its mean gradient over its root mean squared gradient."""

    def __init__(self, spec: AdamSpec, dimension: int) -> None:
        self._spec = spec
        self._steps = 0
        self._first = np.zeros(dimension)
        self._second = np.zeros(dimension)

    def ascend(self, gradient: Vector, step_size: float) -> Vector:
        """Algorithm 1 of the paper, uphill."""
        beta1, beta2 = self._spec.beta1, self._spec.beta2
        self._steps += 1
        self._first = beta1 * self._first + (1 - beta1) * gradient
        self._second = beta2 * self._second + (1 - beta2) * np.square(gradient)
        first = self._first / (1 - beta1**self._steps)
        second = self._second / (1 - beta2**self._steps)
        return step_size * first / (np.sqrt(second) + self._spec.epsilon)

    def state(self) -> State:
        """Return the number of steps and both moments."""
        return {"steps": np.array(self._steps), "first": self._first, "second": self._second}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go back to a state returned earlier."""
        self._steps = int(state["steps"].item())
        self._first, self._second = state["first"].copy(), state["second"].copy()


class ClipUp(Optimizer):
    """ClipUp: the gradient gives only the direction, and the velocity has a limit."""

    def __init__(self, spec: ClipUpSpec, dimension: int) -> None:
        self._spec = spec
        self._velocity = np.zeros(dimension)

    def ascend(self, gradient: Vector, step_size: float) -> Vector:
        """Algorithm 1 of the paper; a step size that is scheduled takes the speed limit with it."""
        length = _norm(gradient)
        push = step_size * (gradient / length) if length > 0 else np.zeros_like(gradient)
        velocity = self._spec.momentum * self._velocity + push
        speed, max_speed = _norm(velocity), self._spec.max_speed * (step_size / self._spec.step_size)
        if speed > max_speed:
            velocity *= max_speed / speed
        self._velocity = velocity
        return velocity.copy()

    def state(self) -> State:
        """Return the velocity."""
        return {"velocity": self._velocity}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go back to a state returned earlier."""
        self._velocity = state["velocity"].copy()


class SGD(Optimizer):
    """Gradient ascent: v ← momentum · v + α · gradient, and the parameters move by v."""

    def __init__(self, spec: SGDSpec, dimension: int) -> None:
        self._spec = spec
        self._velocity = np.zeros(dimension)

    def ascend(self, gradient: Vector, step_size: float) -> Vector:
        """Take one heavy-ball step uphill."""
        self._velocity = self._spec.momentum * self._velocity + step_size * gradient
        return self._velocity.copy()

    def state(self) -> State:
        """Return the velocity."""
        return {"velocity": self._velocity}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go back to a state returned earlier."""
        self._velocity = state["velocity"].copy()


def build_optimizer(spec: AdamSpec | ClipUpSpec | SGDSpec, dimension: int) -> Optimizer:
    """Build the optimizer that ``spec`` describes, at rest."""
    match spec:
        case AdamSpec():
            return Adam(spec, dimension)
        case ClipUpSpec():
            return ClipUp(spec, dimension)
        case SGDSpec():
            return SGD(spec, dimension)


def _norm(vector: Vector) -> float:
    # Not np.linalg.norm: it calls BLAS, whose bits depend on its number of threads.
    return float(np.sqrt(np.square(vector).sum()))
