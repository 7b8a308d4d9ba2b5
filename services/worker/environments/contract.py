"""Tests that every environment has to pass; an author subclasses `EnvironmentContract` (needs pytest).

::

    from seedcast.contracts import EnvironmentContract


    class TestHarbour(EnvironmentContract):
        id = "Harbour-v0"  # the package with its entry point is installed
        kwargs = {"ships": 3}
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest

from seedcast.services.worker.engine import run_unit
from seedcast.services.worker.environments import registry
from seedcast.services.worker.environments.probe import seed_fault
from seedcast.shared.errors import InvalidInput
from seedcast.shared.protocol import Unit, UnitHeader, UnitResult
from seedcast.shared.spec.environment import Engine, EnvironmentSpec
from seedcast.shared.spec.policy import build_policy

SEEDS = [11, 12, 13, 11, 14, 15]
ROWS = [0, 1, 2, 0, 0, 1]


class EnvironmentContract:
    """Subclass it as ``TestSomething`` and set `id`."""

    id: ClassVar[str]
    """What a specification calls it."""
    kwargs: ClassVar[dict[str, Any]] = {}
    """Of the specification."""
    engine: ClassVar[Engine] = "auto"
    """What runs it."""
    steps: ClassVar[int] = 60
    """Of an episode: enough for it to depend on its seed and its actions."""
    seeded: ClassVar[bool] = True
    """Whether another seed is another episode. Some environments draw nothing; say so here."""
    checks_kwargs: ClassVar[bool] = True
    """Whether kwargs that it does not have are refused. One whose constructor takes anything cannot."""

    @classmethod
    def spec(cls) -> EnvironmentSpec:
        """The environment, with short episodes."""
        return EnvironmentSpec(id=cls.id, kwargs=cls.kwargs, engine=cls.engine, max_episode_steps=cls.steps)

    @classmethod
    def run(cls, seeds: list[int], rows: list[int], **header: object) -> UnitResult:
        """Run a unit in which row ``i`` of the parameters is always the same random vector of a linear policy."""
        values = {"environment": cls.spec().model_dump(), "policy": {"name": "linear"}, **header}
        checked = UnitHeader.model_validate(values)
        dimension = build_policy(checked.rollouts.policy, registry.describe(cls.spec())).dimension
        members = [
            np.random.default_rng(row).standard_normal(dimension, np.float32) for row in range(max(rows) + 1)
        ]
        unit = Unit(checked, np.stack(members), np.array(rows, np.int32), np.array(seeds, np.int32))
        return run_unit(unit)

    @pytest.fixture(scope="class")
    @classmethod
    def together(cls) -> UnitResult:
        """Six episodes in one unit, all of which have a result."""
        result = cls.run(SEEDS, ROWS, collect_statistics=True)
        if result.failures:
            pytest.fail(f"an episode has no result: {result.failures[0].message}", pytrace=False)
        return result

    def test_an_episode_has_a_result(self, together: UnitResult) -> None:
        assert np.isfinite(together.returns).all()

    def test_an_episode_is_the_same_alone_and_in_a_batch(self, together: UnitResult) -> None:
        alone = [self.run([seed], [row]) for seed, row in zip(SEEDS, ROWS, strict=True)]
        assert [_numbers(one)[0] for one in alone] == _numbers(together)

    def test_an_episode_is_the_same_in_any_order(self, together: UnitResult) -> None:
        backwards = self.run(SEEDS[::-1], ROWS[::-1], collect_statistics=True)
        assert _numbers(backwards)[::-1] == _numbers(together)
        assert backwards.observation_sums is not None
        np.testing.assert_array_equal(backwards.observation_sums[::-1], together.observation_sums)

    def test_an_episode_is_the_same_at_its_second_run(self, together: UnitResult) -> None:
        first, second = 0, 3  # the same seed and parameters, in one unit
        assert _numbers(together)[first] == _numbers(together)[second]
        assert together.observation_squares is not None
        np.testing.assert_array_equal(together.observation_squares[first], together.observation_squares[second])

    def test_an_episode_follows_its_seed(self) -> None:
        assert seed_fault(self.spec(), registry.describe(self.spec())) is None

    def test_another_seed_is_another_episode(self, together: UnitResult) -> None:
        assert together.observation_sums is not None
        one, other = together.observation_sums[0], together.observation_sums[4]  # the same parameters
        assert np.array_equal(one, other) is not self.seeded

    def test_no_episode_is_longer_than_the_limit(self, together: UnitResult) -> None:
        assert 0 < together.lengths.min() <= together.lengths.max() <= self.steps
        shorter = self.run(SEEDS, ROWS, max_episode_steps=7)
        assert shorter.lengths.tolist() == np.minimum(together.lengths, 7).tolist()

    def test_the_description_states_the_effective_limit(self) -> None:
        assert registry.describe(self.spec()).max_episode_steps == self.steps

    def test_wrong_kwargs_are_refused_by_name(self) -> None:
        if not self.checks_kwargs:
            pytest.skip("it takes any")
        wrong = self.spec().model_copy(update={"kwargs": {"no_such_option": 1}})
        with pytest.raises(InvalidInput, match=r"environment\.kwargs: .*no_such_option"):
            registry.describe(wrong)


def _numbers(result: UnitResult) -> list[tuple[float, float, int]]:
    return list(zip(result.returns.tolist(), result.fitness.tolist(), result.lengths.tolist(), strict=True))
