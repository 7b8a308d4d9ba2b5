"""The objective keeps Seedcast's contract, and its best value is where the true parameters are."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from seedcast_lynx import TRUE, make

from seedcast.contracts import ObjectiveContract


class TestLynx(ObjectiveContract):
    id = "lynx"
    kwargs: ClassVar[dict[str, Any]] = {"tolerance": 1e-4}  # quicker


def test_the_true_parameters_are_better_than_all_near_them() -> None:
    near = TRUE + 0.3 * np.random.default_rng(0).standard_normal((20, 4))
    solutions = np.vstack([TRUE, near]).astype(np.float32)
    values = make().evaluate(solutions, np.zeros(21, np.int64))
    assert values.argmin() == 0
    assert values[0] < 0.06
