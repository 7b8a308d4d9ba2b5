"""Going back to the best tested solution."""

from __future__ import annotations

import numpy as np
import pytest

from seedcast.services.master.evolution.state import Evolution
from tests.master.evolution.test_state import advance, begin
from tests.specs import cartpole

STRATEGIES = pytest.mark.parametrize("strategy", ["pgpe", "pepg", "cma_es"])


def with_a_best_solution(strategy: str, normalised: bool = True) -> Evolution:
    """Return an evolution of five generations that tested best after two."""
    spec = cartpole(
        strategy={"name": strategy},
        episode_seeds="member",
        retrain={},
        policy={"name": "linear", "normalise_observations": normalised},
    )
    evolution = begin(spec)
    advance(evolution, 2)
    evolution.best = evolution.solution()
    advance(evolution, 3)
    return evolution


@STRATEGIES
def test_the_search_goes_on_from_the_policy_that_tested_best(strategy: str) -> None:
    evolution = with_a_best_solution(strategy)
    undisturbed = begin(evolution.spec)
    advance(undisturbed, 2)
    steps, count = evolution.environment_steps, evolution.generation
    evolution.go_back(dropped_steps=17, dropped_seconds=2.5)
    model, best = evolution.model(), undisturbed.model()
    np.testing.assert_array_equal(model.parameters, best.parameters)
    assert model.normaliser is not None
    assert best.normaliser is not None
    np.testing.assert_array_equal(model.normaliser.mean, best.normaliser.mean)
    np.testing.assert_array_equal(model.normaliser.std, best.normaliser.std)
    assert (evolution.environment_steps, evolution.generation) == (steps + 17, count)
    assert evolution.elapsed_seconds == 2.5


@STRATEGIES
@pytest.mark.parametrize("normalised", [True, False])
def test_the_best_solution_survives_a_checkpoint(strategy: str, normalised: bool) -> None:
    whole = with_a_best_solution(strategy, normalised)
    resumed = begin(whole.spec)
    resumed.restore(*whole.checkpoint())
    for evolution in (whole, resumed):
        evolution.go_back(1, 0.0)
        advance(evolution, 3)
    assert resumed.checkpoint()[0] == whole.checkpoint()[0]
    for name, array in whole.checkpoint()[1].items():
        np.testing.assert_array_equal(resumed.checkpoint()[1][name], array)


def test_learning_on_does_not_change_the_best_solution() -> None:
    evolution = with_a_best_solution("pgpe")
    evolution.go_back(0, 0.0)
    assert evolution.best is not None
    before = {name: array.copy() for name, array in evolution.best.arrays().items()}
    advance(evolution, 2)
    for name, array in evolution.best.arrays().items():
        np.testing.assert_array_equal(array, before[name])
    assert evolution.statistics is not None
    assert evolution.best.statistics is not None
    assert evolution.statistics.count > evolution.best.statistics.count


def test_there_is_no_going_back_before_anything_was_tested() -> None:
    with pytest.raises(RuntimeError, match="no best solution"):
        begin(cartpole(retrain={})).go_back(0, 0.0)
