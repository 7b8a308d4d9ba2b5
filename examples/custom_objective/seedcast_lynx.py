"""Fit the parameters of an ordinary differential equation to measurements.

Hares and lynxes after Lotka and Volterra: ẋ = a x − b x y, ẏ = c x y − d y. A solution is (log a, log b, log c,
log d); its value the root mean square error, in logarithms, of the trajectory that scipy computes for it against
forty measurements. These are made here, with the parameters `TRUE` and 5 % of noise.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from seedcast.objectives import Objective, objective

TRUE = np.log([0.9, 0.05, 0.02, 0.6])
BEGINNING = (30.0, 4.0)
TIMES = np.linspace(0.0, 20.0, 20)
NOT_SOLVED = 100.0
"""The value of parameters whose equation cannot be solved: worse than any that can."""


def trajectory(logs: NDArray[np.floating], tolerance: float = 1e-6) -> NDArray[np.float64] | None:
    """Return the logarithms of hares and lynxes ``(2, times)``; None where the solver gives up."""
    a, b, c, d = np.exp(logs.astype(np.float64))

    def change(_: float, logs: NDArray[np.float64]) -> list[float]:
        hares, lynxes = np.exp(np.minimum(logs, 50.0))
        return [a - b * lynxes, c * hares - d]  # of the logarithms: populations stay positive

    solved = solve_ivp(
        change, (TIMES[0], TIMES[-1]), np.log(BEGINNING), "LSODA", TIMES, rtol=tolerance, atol=tolerance
    )
    return solved.y if solved.success and solved.y.shape == (2, len(TIMES)) else None


def make(noise: float = 0.05, tolerance: float = 1e-6) -> Objective:
    """Return the objective, its measurements made with so much ``noise``."""
    exact = trajectory(TRUE)
    if exact is None:
        raise ValueError("the measurements cannot be made")
    measured = exact + noise * np.random.default_rng(1).standard_normal(exact.shape)

    def error(logs: NDArray[np.float32]) -> float:
        fitted = trajectory(logs, tolerance)
        if fitted is None or not np.isfinite(fitted).all():
            return NOT_SOLVED
        return min(NOT_SOLVED, float(np.sqrt(np.mean((fitted - measured) ** 2))))

    return objective(error, 4, initial_mean=np.log([0.5, 0.1, 0.05, 0.5]), bounds=(np.log(1e-3), np.log(5.0)))
