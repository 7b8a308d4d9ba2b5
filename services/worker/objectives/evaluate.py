"""From a unit of evaluations to its result, in one process and one thread.

Solutions go to the objective in batches. Their size leaves no trace in the values, so it follows the clock: it
grows until a batch takes a while, so that a unit can be given up between two, and a vectorised function still gets
thousands at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from seedcast.services.worker.engine.rollout import one_thread
from seedcast.services.worker.engine.tally import Tally
from seedcast.services.worker.environments.base import LaneFailure
from seedcast.services.worker.objectives.registry import describe, make
from seedcast.shared.errors import InvalidInput
from seedcast.shared.objective import Solutions
from seedcast.shared.protocol import Unit, UnitResult
from seedcast.shared.registry import FOREIGN
from seedcast.shared.spec.objective import ObjectiveDescription, ObjectiveSpec

BATCH_SECONDS = 0.05
"""Batches that take less are followed by larger ones."""

LARGEST_BATCH_BYTES = 2**25
"""Of the solutions of a batch, unless one alone takes more."""

LARGEST_VALUE = 1e30
"""Beyond it a value is a fault of the objective: squares of such numbers, and sums of those, would overflow."""

Evaluate = Callable[[Solutions, NDArray[np.int64]], object]
Check = Callable[[], None]


def evaluate_unit(unit: Unit, objective: ObjectiveSpec, check: Check = lambda: None) -> UnitResult:
    """Evaluate every solution of a unit, unless ``check``, called before every batch, raises.

    Returns are in the objective's own sign; fitness is what is maximised: this is the one place that negates.

    Raises:
        InvalidInput: the objective cannot be made, or the solutions are not of its dimension.
    """
    started = time.perf_counter()
    description, made = describe(objective), make(objective)
    if (given := unit.parameters.shape[1]) != description.dimension:
        reason = f"has rows of {given} values, the objective has {description.dimension}"
        raise InvalidInput.of("parameters", reason)
    evaluate: Evaluate = getattr(made, "test", made.evaluate) if unit.header.test else made.evaluate
    tally = Tally(len(unit), None)
    with one_thread(), np.errstate(all="ignore"):
        for positions in _batches(len(unit), description.dimension):
            check()
            _evaluate(unit, description, evaluate, positions, tally)
    tally.fitness[:] = description.sign * tally.returns
    return tally.result(time.perf_counter() - started)


def _batches(evaluations: int, dimension: int) -> Iterator[NDArray[np.intp]]:
    """Yield the positions of one batch after another; each is twice the last one where that was quick."""
    most = max(1, LARGEST_BATCH_BYTES // (4 * dimension))
    start, size = 0, 1
    while start < evaluations:
        begun = time.perf_counter()
        yield np.arange(start, min(start + size, evaluations))
        start += size
        if time.perf_counter() - begun < BATCH_SECONDS:
            size = min(2 * size, most)


def _evaluate(
    unit: Unit, description: ObjectiveDescription, evaluate: Evaluate, positions: NDArray[np.intp], tally: Tally
) -> None:
    solutions = description.solutions(np.asarray(unit.parameters[unit.rows[positions]]))
    try:
        values = _values(evaluate(solutions, unit.seeds[positions].astype(np.int64)), len(positions))
    except FOREIGN as error:
        if len(positions) > 1:  # find out which one it is
            for position in positions:
                _evaluate(unit, description, evaluate, position[None], tally)
        else:
            tally.fail(int(positions[0]), _failure(error))
        return
    good = np.abs(values) <= LARGEST_VALUE  # false of NaN
    for position, value in zip(positions[~good].tolist(), values[~good].tolist(), strict=True):
        told = f"beyond ±{LARGEST_VALUE:g}: {value:.3g}" if np.isfinite(value) else str(value)
        tally.fail(position, LaneFailure("invalid", f"the value is {told}"))
    tally.returns[positions[good]] = values[good]
    tally.lengths[positions[good]] = 1


class _InvalidValues(Exception):
    """What an objective returned is not what the interface promises; the message says which and why."""


def _values(returned: object, count: int) -> NDArray[np.float64]:
    """Return the values ``(count,)`` as numbers."""
    try:
        array = np.asarray(returned)
    except ValueError as error:  # nested lists of unequal length
        raise _InvalidValues(f"evaluate returned no array: {error}") from None
    if array.dtype.kind not in "biuf":
        raise _InvalidValues(f"evaluate returned no numbers but {array.dtype}")
    if array.shape != (count,):
        raise _InvalidValues(f"evaluate returned shape {array.shape} for {count} solutions, not ({count},)")
    return array.astype(np.float64)


def _failure(error: BaseException) -> LaneFailure:
    return LaneFailure("invalid", str(error)) if isinstance(error, _InvalidValues) else LaneFailure.of(error)
