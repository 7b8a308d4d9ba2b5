"""Test functions of continuous optimisation, all to be minimised, with the minimum 0 at a point off the origin.

Definitions as in Hansen, Finck, Ros and Auger, "Real-parameter black-box optimization benchmarking 2009: noiseless
functions definitions" (2009, https://inria.hal.science/inria-00362633), with f_opt = 0, and for the noise the
"noisy functions definitions" of the same (https://inria.hal.science/inria-00369466). Where a function has an
optimum x_opt, it is drawn uniformly from [-4, 4] (f8's too, for which BBOB takes three quarters of that); there is
no penalty outside of [-5, 5]; a rotation R is orthogonal, from the QR decomposition of normal draws. All follows
from ``instance``. Every number of one solution comes from that solution alone, whatever the batch.
"""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from seedcast.shared.objective import Seeds, Solutions, Values
from seedcast.shared.spec.objective import Direction

Vector = NDArray[np.float64]

LARGEST_ROTATED = 2_000
"""Dimensions: a rotation is a matrix of them squared."""

ROWS_AT_ONCE_BYTES = 2**24


class TestFunction:
    """What they have in common: from solutions ``(n, dimension)`` to z = x − x_opt, a few rows at a time."""

    __test__ = False  # no test of pytest's

    direction: Direction = "minimise"
    noisy: ClassVar[bool] = False
    centre: ClassVar[float] = 0.0
    """Where z lies at the optimum of the function that it goes into."""

    def __init__(self, dimension: int = 10, instance: int = 1) -> None:
        if not 2 <= dimension <= 100_000_000:
            raise ValueError(f"dimension is from 2 to 100,000,000, got {dimension}")
        self.dimension = dimension
        self._draws = np.random.Generator(np.random.Philox(np.random.SeedSequence(instance)))
        self.optimum = self._draws.uniform(-4.0, 4.0, dimension).astype(np.float32)
        """``(dimension,)``"""

    def evaluate(self, solutions: Solutions, seeds: Seeds) -> Values:
        """Return the values ``(n,)``."""
        del seeds
        rows = max(1, ROWS_AT_ONCE_BYTES // (8 * self.dimension))
        values = np.empty(len(solutions))
        for start in range(0, len(solutions), rows):
            z = solutions[start : start + rows].astype(np.float64)
            z -= self.optimum
            values[start : start + rows] = self.of(z)
        return values

    def of(self, z: Vector) -> Vector:
        """Return the function of z ``(n, dimension)``, which may be overwritten."""
        raise NotImplementedError


class Sphere(TestFunction):
    """f1, the sum of z²."""

    def of(self, z: Vector) -> Vector:
        """Return the function of z ``(n, dimension)``."""
        return _sum(np.square(z, out=z))


class NoisySphere(Sphere):
    """f101, the sphere with moderate Gaussian noise: times exp(0.01 N(0, 1)), with the draw of the seed."""

    noisy = True

    def evaluate(self, solutions: Solutions, seeds: Seeds) -> Values:
        """Return the values ``(n,)``, each with the noise of its seed."""
        noise = [np.random.Generator(np.random.Philox(seed)).standard_normal() for seed in seeds.tolist()]
        return super().evaluate(solutions, seeds) * np.exp(0.01 * np.array(noise))


class Rosenbrock(TestFunction):
    """f8: a bent valley, along which the search has to turn; z is scaled by max(1, √d / 8) and moved by 1."""

    def of(self, z: Vector) -> Vector:
        """Return the function of z ``(n, dimension)``."""
        z *= max(1.0, np.sqrt(self.dimension) / 8.0)
        z += 1.0
        here, following = z[:, :-1], z[:, 1:]
        return _sum(100.0 * np.square(np.square(here) - following) + np.square(here - 1.0))


class Rastrigin(TestFunction):
    """f3: about 10ᵈ local minima in a regular grid, slightly bent (T_osz) and asymmetric (T_asy, Λ¹⁰)."""

    def of(self, z: Vector) -> Vector:
        """Return the function of z ``(n, dimension)``."""
        share = np.arange(self.dimension) / (self.dimension - 1)
        z = _oscillating(z)
        positive = np.maximum(z, 0.0)
        z = np.where(z > 0, positive ** (1.0 + 0.2 * share * np.sqrt(positive)), z)
        z *= 10.0 ** (0.5 * share)
        return 10.0 * (self.dimension - _sum(np.cos(2.0 * np.pi * z))) + _sum(np.square(z))


class Ellipsoid(TestFunction):
    """f10, the rotated ellipsoid: of condition 10⁶, with axes in no coordinate's direction."""

    def __init__(self, dimension: int = 10, instance: int = 1) -> None:
        if dimension > LARGEST_ROTATED:
            raise ValueError(f"dimension is at most {LARGEST_ROTATED}: the rotation is a matrix, got {dimension}")
        super().__init__(dimension, instance)

    @cached_property
    def rotation(self) -> Vector:
        """R ``(dimension, dimension)``."""
        q, r = np.linalg.qr(self._draws.standard_normal((self.dimension, self.dimension)))
        return q * np.sign(np.diag(r))

    def of(self, z: Vector) -> Vector:
        """Return the function of z ``(n, dimension)``."""
        weights = 10.0 ** (6.0 * np.arange(self.dimension) / (self.dimension - 1))
        rotated = np.matmul(self.rotation, z[:, :, None])[:, :, 0]  # a product for each solution: bits as if alone
        return _sum(weights * np.square(_oscillating(rotated)))


def _sum(terms: Vector) -> Vector:
    """Return the sums of rows, each added up by itself and in one order, whatever the batch."""
    return np.array([np.add.reduce(np.ascontiguousarray(row)) for row in terms])


def _oscillating(z: Vector) -> Vector:
    """Return T_osz: waves that keep the sign and the optimum, and break symmetry and regularity."""
    logs = np.log(np.abs(np.where(z == 0, 1.0, z)))
    first = np.where(z > 0, 10.0, 5.5)
    second = np.where(z > 0, 7.9, 3.1)
    return np.sign(z) * np.where(
        z == 0, 0.0, np.exp(logs + 0.049 * (np.sin(first * logs) + np.sin(second * logs)))
    )
