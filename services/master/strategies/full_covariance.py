"""A covariance matrix, and its eigendecomposition, which is put off while little is learnt.

C = B D² Bᵀ: Hansen, "The CMA evolution strategy: a tutorial" (2016, https://arxiv.org/abs/1604.00772), whose
equation numbers stand in the code. Decomposing costs about 10 n³, all else n² a member: between two decompositions
members are drawn from the last one, as the tutorial proposes in B.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seedcast.services.master.strategies.base import State

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

_UNEQUAL = 1e-4
"""By how much the first eigenvalues differ: where some are equal, LAPACK may order them in any way."""


class FullCovariance:
    """C ``(dimension, dimension)``, with its last eigenvectors B and the axes' lengths D ``(dimension,)``."""

    def __init__(self, dimension: int, lag: float) -> None:
        """``lag``: a decomposition is due after so many updates."""
        self._lag = lag
        self._decomposed = 0
        """Updates made when B and D were computed last."""
        self._c: Matrix = np.diag(np.exp(_UNEQUAL / dimension * np.arange(dimension)))
        self._b: Matrix = np.eye(dimension)
        self._d: Vector = np.sqrt(np.diagonal(self._c))

    @property
    def variances(self) -> Vector:
        """The diagonal of C ``(dimension,)``."""
        return np.diagonal(self._c)

    def refresh(self, updates: int) -> None:
        """Decompose C if that is due after so many updates."""
        if updates > self._decomposed and updates >= self._decomposed + self._lag:
            self._decompose(updates)

    def transform(self, draws: Matrix) -> Matrix:
        """Return y = B D z (39) of each z ``(draws, dimension)``."""
        return np.asarray((self._d * draws) @ self._b.T)

    def whiten(self, vector: Vector) -> Vector:
        """Return C^(-1/2) y ``(dimension,)``."""
        return np.asarray(self._b @ ((self._b.T @ vector) / self._d))

    def lengths(self, vectors: Matrix) -> Vector:
        """Return ‖C^(-1/2) y‖ of each y ``(vectors, dimension)``."""
        return np.asarray(np.sqrt(np.square((vectors @ self._b) / self._d).sum(axis=1)))

    def update(self, decay: float, rank_one: float, path: Vector, weights: Vector, vectors: Matrix) -> None:
        """C ← decay C + c_1 p_c p_cᵀ + Σ w° y yᵀ (47), for the learning rates ``weights`` c_μ w of the y.

        A negative weight is divided by the squared length of its y, times the dimension (46).
        """
        up, down = weights > 0, weights < 0
        shares = -weights[down] * len(path) / np.square(self.lengths(vectors[down]) + 1e-9)  # (46)
        rises = np.vstack([np.sqrt(rank_one) * path, np.sqrt(weights[up])[:, None] * vectors[up]])
        falls = np.sqrt(shares)[:, None] * vectors[down]
        # A matrix times its own transpose is symmetric to the bit, in half the time.
        self._c *= decay
        self._c += rises.T @ rises
        self._c -= falls.T @ falls

    def standardise(self, updates: int) -> Vector:
        """Make C the correlation matrix, and return the deviations ``(dimension,)`` that it had."""
        deviations = np.sqrt(self.variances)
        self._c = np.ascontiguousarray(self._c / np.outer(deviations, deviations))
        np.fill_diagonal(self._c, 1.0)
        self._decompose(updates)
        return deviations

    def _decompose(self, updates: int) -> None:
        least = float(self._d[0]) ** 2
        values, vectors = np.linalg.eigh(self._c)
        while values[0] <= 0:  # rounding, at a condition beyond float64's
            self._c[np.diag_indices_from(self._c)] += least
            least *= 2
            values, vectors = np.linalg.eigh(self._c)
        # In one layout: BLAS takes other paths for others, with other bits, and a checkpoint keeps no layout.
        self._b, self._d, self._decomposed = np.ascontiguousarray(vectors), np.sqrt(values), updates

    def state(self) -> State:
        """Return all that changes."""
        matrices = {"covariance": self._c, "axes": self._b}
        return matrices | {"lengths": self._d, "decomposed": np.array(self._decomposed)}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go back to a state returned earlier."""
        arrays = (np.array(state[name], order="C") for name in ("covariance", "axes", "lengths"))
        self._c, self._b, self._d = arrays
        self._decomposed = int(state["decomposed"].item())
