"""What a strategy asks to be evaluated: the members of one generation, by range."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seedcast.shared.perturbations import Members

Parameters = NDArray[np.float32]


class Population:
    """The members of one generation, as read-only rows.

    Rows are asked for by range, so that a strategy may make them when they are needed instead of holding
    ``(population_size, dimension)`` in memory.
    """

    def __init__(self, members: Parameters) -> None:
        self._members = members.view()
        self._members.flags.writeable = False

    def __len__(self) -> int:
        return len(self._members)

    def rows(self, start: int, stop: int) -> Parameters:
        """Return the parameters ``(stop - start, dimension)`` of members ``start`` to ``stop - 1``."""
        return self._members[start:stop]

    def members(self, start: int, stop: int) -> Members:
        """Return the same members in whichever form is the smallest to send."""
        return self.rows(start, stop)
