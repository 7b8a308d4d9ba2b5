"""How a mean follows its gradient, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from seedcast.services.master.strategies.ascent import Ascent, AscentOptions
from seedcast.services.master.strategies.base import DivergedError, Problem
from seedcast.services.master.strategies.pgpe import PGPE, PGPESpec
from seedcast.services.master.strategies.schedules import Clock

MEAN, GRADIENT = np.array([1.0, -2.0]), np.array([3.0, 4.0])


def build(**options: object) -> Ascent:
    return Ascent(AscentOptions.model_validate({"name": "any"} | options), 2)


def test_without_decay_the_mean_moves_by_the_optimizers_step() -> None:
    ascent = build(optimizer={"name": "sgd", "step_size": 0.5, "momentum": 0})
    assert ascent.step(MEAN, GRADIENT, 0.5).tolist() == [2.5, 0.0]


def test_weight_decay_in_the_gradient_goes_through_the_optimizer() -> None:
    sgd = build(optimizer={"name": "sgd", "step_size": 0.5, "momentum": 0}, weight_decay=0.1)
    assert np.allclose(sgd.step(MEAN, GRADIENT, 0.5), [1 + 0.5 * (3 - 0.1), -2 + 0.5 * (4 + 0.2)])
    # Adam makes a step of 0.5 of any gradient, however small: here of the decay alone.
    adam = build(optimizer={"name": "adam", "step_size": 0.5}, weight_decay=0.1)
    assert np.allclose(adam.step(MEAN, np.zeros(2), 0.5), [0.5, -1.5], rtol=1e-6)


def test_decoupled_weight_decay_goes_beside_the_optimizer() -> None:
    adam = build(optimizer={"name": "adam", "step_size": 0.5}, weight_decay=0.1, weight_decay_form="decoupled")
    assert np.allclose(adam.step(MEAN, np.zeros(2), 0.5), 0.95 * MEAN)
    assert np.allclose(adam.step(MEAN, GRADIENT, 0.5), 0.95 * MEAN + adam_step(), rtol=1e-6)


def adam_step() -> np.ndarray:
    """Return 0.5 times what Adam makes of no gradient and then of `GRADIENT`."""
    first, second = 0.1 * GRADIENT / (1 - 0.9**2), 0.001 * GRADIENT**2 / (1 - 0.999**2)
    return np.asarray(0.5 * first / (np.sqrt(second) + 1e-8))


def test_a_schedule_scales_the_step_size() -> None:
    schedule = {"name": "exponential", "decay": 0.5, "floor": 0.1}
    ascent = build(optimizer={"name": "sgd", "step_size": 0.8}, learning_rate_schedule=schedule)
    assert [ascent.step_size(Clock(generation)) for generation in (0, 1, 2)] == [0.8, 0.4, 0.2]


def test_a_scheduled_step_size_takes_clipups_speed_limit_with_it() -> None:
    for step_size, speed in [(0.1, 0.15), (0.05, 0.075)]:
        ascent = build(optimizer={"name": "clipup", "step_size": 0.1, "max_speed": 0.15})
        mean = MEAN
        for _ in range(5):
            before, mean = mean, ascent.step(mean, GRADIENT, step_size)
        assert np.isclose(np.linalg.norm(mean - before), speed)


def test_a_restored_ascent_goes_on_with_its_momentum() -> None:
    ascent, restored = build(optimizer={"name": "sgd"}), build(optimizer={"name": "sgd"})
    ascent.step(MEAN, GRADIENT, 0.1)
    state = ascent.state()
    assert list(state) == ["optimizer.velocity"]
    restored.restore(state | {"sigma": np.zeros(3)})
    assert np.array_equal(ascent.step(MEAN, GRADIENT, 0.1), restored.step(MEAN, GRADIENT, 0.1))


def test_a_search_that_diverges_says_so_by_name_instead_of_asking_for_members_that_are_not_finite() -> None:
    spec = PGPESpec.model_validate({"optimizer": {"name": "sgd", "step_size": 100}, "weight_decay": 1000})
    strategy = PGPE(spec, Problem(4, 1, np.ones(3, np.float32)))

    def search() -> None:
        for _ in range(100):
            assert np.isfinite(strategy.ask().rows(0, 4)).all()
            strategy.tell(np.arange(4.0))

    with pytest.raises(DivergedError, match=r"generation \d+ .*pgpe.*no longer finite"):
        search()
