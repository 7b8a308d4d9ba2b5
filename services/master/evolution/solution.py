"""`Solution`: what a test tests and a model holds, kept so that the search can go back to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from seedcast.shared.observation_stats import ObservationStatistics

PARAMETERS, SUM, SUM_OF_SQUARES = "best/parameters", "best/sum", "best/sum_of_squares"


@dataclass(frozen=True)
class Solution:
    """Parameters, and the statistics whose normaliser they were tested with: neither means much alone."""

    parameters: NDArray[np.float32]
    """``(dimension,)``"""
    statistics: ObservationStatistics | None

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return its part of a checkpoint's arrays; the count of observations goes into the header."""
        arrays: dict[str, NDArray[Any]] = {PARAMETERS: self.parameters}
        if self.statistics is not None:
            arrays |= {SUM: self.statistics.sum, SUM_OF_SQUARES: self.statistics.sum_of_squares}
        return arrays

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]], observations: int) -> Self | None:
        """Return the solution in a checkpoint's arrays, if there is one."""
        if PARAMETERS not in arrays:
            return None
        statistics = None
        if SUM in arrays:
            statistics = ObservationStatistics(observations, arrays[SUM].copy(), arrays[SUM_OF_SQUARES].copy())
        return cls(arrays[PARAMETERS].copy(), statistics)
