"""What an environment answers, taken as loosely as has a meaning and no looser."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FOREIGN = (Exception, SystemExit)
"""What an environment may raise: calling ``sys.exit`` is no way to end a worker's slot."""


class InvalidAnswerError(Exception):
    """An answer that is not what the interface promises; the message says which and why."""


def number(value: Any, what: str) -> float:  # noqa: ANN401 - whatever an environment returns
    """Return a reward: a number, or an array of one.

    Raises:
        InvalidAnswerError: it is anything else.
    """
    if isinstance(value, float):
        return float(value)
    try:
        return float(_single(value, what).item())
    except OverflowError:
        raise InvalidAnswerError(f"the {what} is an integer beyond what a float holds") from None


def truth(value: Any, what: str) -> bool:  # noqa: ANN401 - whatever an environment returns
    """Return whether an episode is over: a boolean, a number, or an array of one.

    Raises:
        InvalidAnswerError: it is anything else.
    """
    return value if isinstance(value, bool) else bool(_single(value, what).item())


def _single(value: Any, what: str) -> NDArray[Any]:  # noqa: ANN401
    try:
        array = np.asarray(value)
    except ValueError:  # nested lists of unequal length
        raise InvalidAnswerError(f"the {what} is no number but {type(value).__name__}") from None
    if array.size != 1:
        raise InvalidAnswerError(f"the {what} has {array.size} values")
    if array.dtype.kind not in "biuf" and not isinstance(array.item(), int):  # a large one is an object
        raise InvalidAnswerError(f"the {what} is no number but {type(array.item()).__name__}")
    return array
