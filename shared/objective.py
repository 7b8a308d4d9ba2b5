"""What an objective is to its author: a batch of solutions in, their values out.

An entry point of the group ``seedcast.objectives`` names a factory ``make(**kwargs)``, a function or the class
itself; what it returns is an `Objective`, or a plain function in the clothes of one (`objective`).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seedcast.shared.spec.objective import Direction

Solutions = NDArray[np.float32]
"""``(n, dimension)``"""
Seeds = NDArray[np.int64]
"""``(n,)``, each from 0 to 2³¹ − 2."""
Values = NDArray[np.float64]
"""``(n,)``"""
Bounds = tuple[ArrayLike | None, ArrayLike | None]
"""Lower and upper: a number for all, an array ``(dimension,)``, or None or an infinity where open."""


@runtime_checkable
class Objective(Protocol):
    """A function of a vector, for many vectors at once.

    The value of a solution is a pure function of (solution, seed): it never depends on which others stand in the
    batch, on what was evaluated before, or on any state of the process. `seedcast.contracts.ObjectiveContract`
    tests that, to the bit.

    It may have more: ``initial_mean``, a number for all or ``(dimension,)``, where the search begins (0);
    ``bounds`` (none); ``noisy``, whether another seed gives another value (False); and a method ``test`` like
    ``evaluate`` for tests of the solution, such as the accuracy on data that is held out (``evaluate``).
    """

    dimension: int
    direction: Direction

    def evaluate(self, solutions: Solutions, seeds: Seeds) -> Values:
        """Return the values ``(n,)`` of ``solutions (n, dimension)``, each with its own of ``seeds (n,)``."""
        ...


class PlainFunction:
    """An objective made of a function of one solution."""

    def __init__(
        self,
        function: Callable[..., float],
        dimension: int,
        direction: Direction,
        initial_mean: ArrayLike,
        bounds: Bounds | None,
        noisy: bool,
    ) -> None:
        self.dimension = dimension
        self.direction = direction
        self.initial_mean = initial_mean
        self.bounds = bounds
        self.noisy = noisy
        self._function = function

    def evaluate(self, solutions: Solutions, seeds: Seeds) -> Values:
        """Call the function for one solution after another."""
        values = np.empty(len(solutions))
        for index, solution in enumerate(solutions):
            arguments: tuple[Any, ...] = (solution, int(seeds[index])) if self.noisy else (solution,)
            value = self._function(*arguments)
            if value is None:  # which NumPy would take for no number of this solution
                raise TypeError("the function returned None in place of a number")
            values[index] = value
        return values


def objective(
    function: Callable[..., float],
    dimension: int,
    *,
    direction: Direction = "minimise",
    initial_mean: ArrayLike = 0.0,
    bounds: Bounds | None = None,
) -> Objective:
    """Return the objective of ``f(x) -> float``, or of ``f(x, seed) -> float``, which is then noisy.

    ``x (dimension,)`` is float32; draw from ``numpy.random.default_rng(seed)`` and from nowhere else.
    """
    required = [one for one in inspect.signature(function).parameters.values() if one.default is one.empty]
    noisy = len([one for one in required if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]) > 1
    return PlainFunction(function, dimension, direction, initial_mean, bounds, noisy)
