"""How a generation moved the mean: figures to look at, from which nothing is learnt."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seedcast.services.master.storage.records import Movement
from seedcast.services.master.strategies.fitness_shaping import by_rank

Vector = NDArray[np.float32]


def movement(
    before: Vector, after: Vector, last_step: Vector | None, agreement: float | None
) -> tuple[Movement, Vector]:
    """Return how the mean ``(dimension,)`` moved, and the step itself, to compare the next one with."""
    step = after - before
    length = _length(step)
    cosine = None
    if last_step is not None and length and (previous := _length(last_step)):
        # Each is scaled first: the product of two long steps may overflow.
        cosine = float(np.clip(np.dot(step / length, last_step / previous), -1.0, 1.0))
    moved = Movement(
        update_norm=length, mean_norm=_length(after), update_cosine=cosine, mirrored_correlation=agreement
    )
    return moved, step


def mirrored_correlation(fitness: NDArray[np.float64]) -> float | None:
    """Return Spearman's rank correlation between members 2i and 2i + 1 of ``fitness`` ``(members,)``.

    None where it is not defined: fewer than two pairs, or one half all tied.
    """
    one, other = _ranks(fitness[0::2]), _ranks(fitness[1::2])
    if len(one) != len(other) or len(one) < 2 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return None
    return float(np.corrcoef(one, other)[0, 1])


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return by_rank(values, np.arange(len(values), dtype=np.float64))


def _length(vector: Vector) -> float:
    return float(np.linalg.norm(vector.astype(np.float64)))
