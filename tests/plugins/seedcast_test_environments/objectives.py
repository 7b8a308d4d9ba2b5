"""Objectives that misbehave, and one with bounds."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import numpy as np

from seedcast.shared.objective import Seeds, Solutions


class Bounded:
    """Falls towards a corner of its box; says when it is asked for a point outside."""

    dimension = 3
    direction = "maximise"
    bounds = (np.array([-1.0, 0.0, -np.inf]), 2.0)
    initial_mean = (0.0, 1.0, 0.0)

    def evaluate(self, solutions: Solutions, _: Seeds) -> Any:
        """The sum, whose maximum lies on the upper bounds."""
        if not ((solutions >= [-1, 0, -np.inf]) & (solutions <= 2)).all():
            raise ValueError("a solution lies outside")
        return solutions.astype(float).sum(axis=1)


class StyblinskiTang:
    """As examples/worker_javascript has it: the same sums and products in the same order."""

    direction = "minimise"

    def __init__(self, dimension: int = 10) -> None:
        self.dimension = dimension

    def evaluate(self, solutions: Solutions, _: Seeds) -> Any:
        """½ Σ (x⁴ − 16 x² + 5 x)."""
        total = np.zeros(len(solutions))
        for x in solutions.astype(np.float64).T:
            square = x * x
            total += square * square - 16 * square + 5 * x
        return 0.5 * total


class Faulty:
    """Does what `how` says where the first number of a solution is above 1."""

    direction = "minimise"

    def __init__(self, how: str = "nothing", dimension: int = 2) -> None:
        self.dimension = dimension
        self.how = how

    def evaluate(self, solutions: Solutions, _: Seeds) -> Any:
        """The first number."""
        values = solutions[:, 0].astype(float)
        bad = values > 1
        if not bad.any():
            return values
        match self.how:
            case "raise":
                raise RuntimeError("the reactor is too hot")
            case "exit":
                raise SystemExit(3)
            case "nan":
                values[bad] = np.nan
            case "huge":
                values[bad] = -1e300
            case "shape":
                return values[:, None]
            case "text":
                return np.array(["much"] * len(values))
            case "hang":
                time.sleep(600)
            case "crash":
                os.kill(os.getpid(), signal.SIGSEGV)
        return values


class NoObjective:
    """Lacks a direction."""

    dimension = 2

    def evaluate(self, solutions: Solutions, _: Seeds) -> Any:
        """Nothing."""
        return solutions[:, 0]
