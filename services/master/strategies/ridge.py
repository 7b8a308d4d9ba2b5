"""A Gaussian with a scale for each parameter and one direction: its members, and the natural gradient of both.

The covariance is σ² D (I + v vᵀ) D, of VD-CMA: Akimoto, Auger and Hansen, "Comparison-based natural gradient
optimization in high dimension" (2014, https://doi.org/10.1145/2576768.2598258). A member is m ± σ D y, with
y = z + (√(1 + |v|²) − 1) (v̄·z) v̄, z standard normal and v̄ = v/|v|. Sums run in their order and without BLAS.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from seedcast.services.master.strategies.population import Parameters, Population
from seedcast.services.master.strategies.sampling import GaussianPopulation

Vector = NDArray[np.float64]


class RidgePopulation(Population):
    """Members made when their rows are asked for, out of their pairs' noise."""

    def __init__(self, mean: Vector, deviation: Vector, direction: Vector, pairs: GaussianPopulation) -> None:
        self.mean = mean
        self.deviation = deviation
        """σ D"""
        self.direction = direction
        """v"""
        self._pairs = pairs

    def __len__(self) -> int:
        return len(self._pairs)

    def rows(self, start: int, stop: int) -> Parameters:
        """Return the parameters ``(stop - start, dimension)`` of members ``start`` to ``stop - 1``."""
        first = start // 2
        stop = min(stop, len(self))
        members = np.empty((2 * ((stop + 1) // 2 - first), len(self.mean)), np.float32)
        for pair in range(len(members) // 2):
            away = self.deviation * self._perturbation(self._draw(first + pair))
            members[2 * pair], members[2 * pair + 1] = self.mean + away, self.mean - away
        rows = members[start - 2 * first : stop - 2 * first]
        rows.flags.writeable = False
        return rows

    def draws(self) -> Iterator[Vector]:
        """Yield the z ``(dimension,)`` of each pair."""
        return map(self._draw, range(self._pairs.draws))

    def perturbations(self) -> Iterator[Vector]:
        """Yield the y ``(dimension,)`` of each pair."""
        return map(self._perturbation, self.draws())

    def _draw(self, pair: int) -> Vector:
        return np.asarray(self._pairs.noise(pair, pair + 1)[0], np.float64)

    def _perturbation(self, draw: Vector) -> Vector:
        squared = dot(self.direction, self.direction)
        stretch = (math.sqrt(1 + squared) - 1) / squared * dot(self.direction, draw)
        return draw + stretch * self.direction


class Sums:
    """Σ w y², Σ w (v̄·y) y, Σ w (v̄·y)² and Σ w: all that the natural gradient of v and D needs of the members."""

    def __init__(self, direction: Vector) -> None:
        self._squared_length = dot(direction, direction)
        self.length = math.sqrt(self._squared_length)
        """|v|"""
        self._unit = direction / self.length
        self._squares = np.zeros_like(direction)
        self._along = np.zeros_like(direction)
        self._along_squared = 0.0
        self._weight = 0.0

    def add(self, weight: float, perturbation: Vector) -> None:
        """Add one y with its weight."""
        along = dot(self._unit, perturbation)
        self._squares += weight * (perturbation * perturbation)
        self._along += (weight * along) * perturbation
        self._along_squared += weight * along * along
        self._weight += weight

    def natural_gradient(self) -> tuple[Vector, Vector]:
        """Return the change of v, and that of D relative to D, in the form of Akimoto et al. (2014)."""
        unit, squared = self._unit, self._squared_length
        unit_squared = unit * unit
        gamma = 1 + squared
        alpha = np.sqrt(squared**2 + (2 * gamma - np.sqrt(gamma)) / unit_squared.max()) / (2 + squared)
        alpha = min(1.0, float(alpha))
        b = 2 * alpha**2 - (1 - alpha**2) * squared**2 / gamma
        inverse = 1 / (2 - (b + 2 * alpha**2) * unit_squared)
        t = self._along - unit * ((self._along_squared + gamma * self._weight) / 2)
        s = self._squares - (squared / gamma) * (unit * self._along) - self._weight
        s -= (alpha / gamma) * ((2 + squared) * (t * unit) - (squared * dot(unit, t)) * unit_squared)
        weighted = inverse * unit_squared
        s = s * inverse - (b * dot(weighted, s) / (1 + b * dot(unit_squared, weighted))) * weighted
        t -= alpha * ((2 + squared) * (s * unit) - dot(unit_squared, s) * unit)
        return t / self.length, s


def length(vector: Vector) -> float:
    """Return |vector|."""
    return math.sqrt(dot(vector, vector))


def dot(one: Vector, other: Vector) -> float:
    """Return the inner product, in an order of its own: BLAS's depends on its threads."""
    return float(np.einsum("d,d->", one, other))
