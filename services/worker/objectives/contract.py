"""Tests that every objective has to pass; an author subclasses `ObjectiveContract` (needs pytest).

::

    from seedcast.contracts import ObjectiveContract


    class TestReactor(ObjectiveContract):
        id = "reactor"  # the package with its entry point is installed
        kwargs = {"species": 3}
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from seedcast.services.worker.objectives import registry
from seedcast.services.worker.objectives.evaluate import LARGEST_VALUE
from seedcast.shared.errors import InvalidInput
from seedcast.shared.objective import Solutions, Values
from seedcast.shared.spec.objective import ObjectiveSpec

N = 12
SEEDS: NDArray[np.int64] = np.array([11, 12, 13, 11, 14, 15, 16, 17, 18, 19, 20, 2**31 - 2], np.int64)
SPLITS = ((12,), (1,) * 12, (5, 7), (7, 5), (2, 3, 7), (11, 1))

_ELSEWHERE = """
import numpy as np
from seedcast.services.worker.objectives.registry import make
from seedcast.services.worker.objectives.contract import SEEDS, points, spec_of
spec = spec_of({id!r}, {kwargs!r})
print(np.asarray(make(spec).{method}(points(spec), SEEDS), np.float64).tobytes().hex())
"""

Evaluate = Callable[[Solutions, NDArray[np.int64]], Values]


def spec_of(id_: str, kwargs: dict[str, Any]) -> ObjectiveSpec:
    """Return the specification of an objective."""
    return ObjectiveSpec(id=id_, kwargs=kwargs)


def points(spec: ObjectiveSpec) -> Solutions:
    """Return twelve solutions around where its search begins, within its bounds; rows 0 and 3 are the same."""
    description = registry.describe(spec)
    draws = np.random.default_rng(1).standard_normal((N, description.dimension), np.float32)
    around = description.initial_parameters(0) + np.float32(0.5) * draws
    around[3] = around[0]
    return description.solutions(around)


class ObjectiveContract:
    """Subclass it as ``TestSomething`` and set `id`."""

    id: ClassVar[str]
    """What a specification calls it."""
    kwargs: ClassVar[dict[str, Any]] = {}
    """Of the specification."""

    @classmethod
    def spec(cls) -> ObjectiveSpec:
        """The objective."""
        return spec_of(cls.id, cls.kwargs)

    @pytest.fixture(params=["evaluate", "test"])
    def evaluate(self, request: pytest.FixtureRequest) -> Evaluate:
        """Its evaluation, and its test where it has one."""
        made = registry.make(self.spec())
        if not hasattr(made, request.param):
            pytest.skip("it has no test of its own")
        evaluate: Evaluate = getattr(made, request.param)
        return evaluate

    def test_a_batch_has_one_finite_number_for_each_solution(self, evaluate: Evaluate) -> None:
        values = np.asarray(evaluate(points(self.spec()), SEEDS))
        assert values.shape == (N,)
        assert values.dtype == np.float64
        assert (np.abs(values) <= LARGEST_VALUE).all()

    @pytest.mark.parametrize("split", SPLITS, ids=str)
    def test_a_value_has_the_same_bits_however_a_batch_is_split(
        self, evaluate: Evaluate, split: tuple[int, ...]
    ) -> None:
        solutions = points(self.spec())
        whole = np.asarray(evaluate(solutions, SEEDS))
        ends = np.cumsum(split)
        parts = [
            evaluate(solutions[end - n : end], SEEDS[end - n : end]) for n, end in zip(split, ends, strict=True)
        ]
        assert np.concatenate(parts).tobytes() == whole.tobytes()

    def test_a_value_has_the_same_bits_in_any_order(self, evaluate: Evaluate) -> None:
        solutions = points(self.spec())
        order = np.random.default_rng(2).permutation(N)
        shuffled = np.asarray(evaluate(np.ascontiguousarray(solutions[order]), SEEDS[order]))
        assert shuffled.tobytes() == np.asarray(evaluate(solutions, SEEDS))[order].tobytes()

    def test_the_same_solution_and_seed_have_the_same_value(self, evaluate: Evaluate) -> None:
        values = evaluate(points(self.spec()), SEEDS)
        assert values[0] == values[3]

    def test_what_it_was_given_is_left_as_it_was(self, evaluate: Evaluate) -> None:
        solutions, seeds = points(self.spec()), SEEDS.copy()
        before = solutions.copy()
        evaluate(solutions, seeds)
        assert (solutions == before).all()
        assert (seeds == SEEDS).all()

    @pytest.mark.parametrize("method", ["evaluate", "test"])
    def test_another_process_computes_the_same_bits(self, method: str) -> None:
        made = registry.make(self.spec())
        if not hasattr(made, method):
            pytest.skip("it has no test of its own")
        here = np.asarray(getattr(made, method)(points(self.spec()), SEEDS), np.float64).tobytes().hex()
        code = _ELSEWHERE.format(id=self.id, kwargs=self.kwargs, method=method)
        there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert there.stdout.strip() == here, there.stderr

    def test_it_says_whether_another_seed_gives_another_value(self) -> None:
        made, solutions = registry.make(self.spec()), points(self.spec())
        one, other = (made.evaluate(solutions, np.arange(first, first + N)) for first in (100, 200))
        assert registry.describe(self.spec()).noisy == bool((np.asarray(one) != np.asarray(other)).any())

    def test_wrong_kwargs_are_refused_by_name(self) -> None:
        with pytest.raises(InvalidInput, match=r"objective\.kwargs: .*no_such_option"):
            registry.describe(spec_of(self.id, {**self.kwargs, "no_such_option": 1}))
