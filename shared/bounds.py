"""Box bounds by one transform: strategies search an unbounded space, objectives only ever see points in the box.

It is the linear-quadratic transform of pycma (`BoxConstraintsLinQuadTransformation`,
https://github.com/CMA-ES/pycma): the identity but for a margin at each bound of a twentieth of the bound's size
(of 1 where that is less), where it becomes a parabola whose vertex lies on the bound; beyond that it goes back
into the box, and so on periodically. It is continuous with a continuous derivative, and a step that is small in
the search space is small in the box: no point is ever clipped, repaired or refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Points = NDArray[np.float32]

_MARGIN = 0.05


@dataclass(frozen=True, eq=False)
class Box:
    """Where solutions may lie: ``lower`` and ``upper``, each ``(dimension,)`` or ``(1,)``, infinite where open."""

    lower: Vector
    upper: Vector

    @cached_property
    def _margins(self) -> tuple[Vector, Vector]:
        half = (self.upper - self.lower) / 2
        below, above = (
            np.where(np.isfinite(bound), np.minimum(half, _MARGIN * np.maximum(np.abs(bound), 1.0)), 1.0)
            for bound in (self.lower, self.upper)
        )
        return below, above

    @cached_property
    def _rounded_inwards(self) -> tuple[Points, Points]:
        """The bounds in float32, none of them outside of the box."""
        lower, upper = self.lower.astype(np.float32), self.upper.astype(np.float32)
        lower = np.where(lower < self.lower, np.nextafter(lower, np.float32(np.inf)), lower)
        upper = np.where(upper > self.upper, np.nextafter(upper, np.float32(-np.inf)), upper)
        return lower, upper

    def inside(self, points: Points) -> Points:
        """Map points of the search space ``(n, dimension)`` into the box, each number by itself."""
        low, high = self.lower, self.upper
        below, above = self._margins
        with np.errstate(invalid="ignore", over="ignore"):  # of an open side, in what is not chosen
            y = points.astype(np.float64)
            width = high - low
            start = low - 2 * below - width / 2
            period = 2 * (width + below + above)
            far = (y < start) | (y > high + 2 * above + width / 2)
            y = np.where(far, y - period * np.floor((y - start) / period), y)
            y = np.where(y > high + above, 2 * (high + above) - y, y)
            y = np.where(y < low - below, 2 * (low - below) - y, y)
            y = np.where(y < low + below, low + (y - (low - below)) ** 2 / (4 * below), y)
            y = np.where(y > high - above, high - (y - (high + above)) ** 2 / (4 * above), y)
        return np.clip(y.astype(np.float32), *self._rounded_inwards)

    def outside(self, point: Vector) -> Points:
        """Return the point of the search space, the nearest, that ``point (dimension,)`` of the box comes from."""
        low, high = self.lower, self.upper
        below, above = self._margins
        with np.errstate(invalid="ignore"):
            near_low, near_high = point < low + below, point > high - above
            from_low = low - below + 2 * np.sqrt(below * np.maximum(point - low, 0.0))
            from_high = high + above - 2 * np.sqrt(above * np.maximum(high - point, 0.0))
        return np.where(near_low, from_low, np.where(near_high, from_high, point)).astype(np.float32)
