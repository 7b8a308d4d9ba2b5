"""How far the Gaussian strategies get on standard functions, beside the SNES of pints where it is installed."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from seedcast.services.master.strategies.base import Problem, Strategy
from seedcast.shared.spec.strategies import STRATEGIES

Points = NDArray[np.float64]
Function = Callable[[Points], Points]
ROTATION = np.linalg.qr(np.random.default_rng(10).normal(size=(10, 10)))[0]
FALLING = {"name": "exponential", "decay": 0.99, "floor": 0.001}


def sphere(points: Points) -> Points:
    return np.asarray(np.square(points).sum(axis=1))


def ellipsoid(points: Points) -> Points:
    """Return the loss of semi-axes along the coordinates, and curvatures from 1 to a million."""
    return np.asarray(np.square(points) @ 1e6 ** np.linspace(0, 1, points.shape[1]))


def rotated_ellipsoid(points: Points) -> Points:
    """Return the loss of rotated semi-axes, and curvatures from 1 to a thousand."""
    return np.asarray(np.square(points @ ROTATION.T) @ 1e3 ** np.linspace(0, 1, 10))


@pytest.mark.parametrize(
    ("name", "options", "function", "generations", "target"),
    [
        ("snes", {"sigma_init": 1.0}, ellipsoid, 400, 1e-9),
        (
            "pgpe",
            {"sigma_init": 0.5, "sigma_schedule": FALLING, "learning_rate_schedule": FALLING},
            rotated_ellipsoid,
            1000,
            1e-3,
        ),
        (
            "openai_es",
            {
                "sigma_init": 0.1,
                "optimizer": {"name": "adam", "step_size": 0.1},
                "sigma_schedule": FALLING,
                "learning_rate_schedule": FALLING,
                "weight_decay": 0,
            },
            rotated_ellipsoid,
            1000,
            1e-4,
        ),
        ("ars", {}, sphere, 700, 1e-9),
        ("ars", {"top_directions": 5}, sphere, 700, 0.01),
        (
            "pepg",
            {
                "sigma_init": 0.5,
                "learning_rate": 0.1,
                "adam_beta1": 0.9,
                "sigma_decay": 0.99,
                "sigma_limit": 1e-4,
                "weight_decay": 0,
            },
            sphere,
            500,
            0.05,
        ),
    ],
)
def test_the_loss_falls_below_its_target(
    name: str, options: dict[str, Any], function: Function, generations: int, target: float
) -> None:
    strategy = build(name, options, 10, 20, seed=1)
    assert function(strategy.mean[None].astype(np.float64))[0] > 9
    for _ in range(generations):
        tell(strategy, function)
    assert function(strategy.mean[None].astype(np.float64))[0] < target


@pytest.mark.parametrize(("function", "target"), [(sphere, 1e-9), (ellipsoid, 1e-6)])
def test_snes_needs_about_as_many_generations_as_that_of_pints(function: Function, target: float) -> None:
    pints = pytest.importorskip("pints")
    seeds, dimension, population = range(5), 10, 10

    def theirs(seed: int) -> int:
        np.random.seed(seed)
        peer = pints.SNES(np.ones(dimension), sigma0=np.ones(dimension))
        peer.set_population_size(population)
        for generation in range(1000):
            peer.tell(function(peer.ask()))
            if function(peer.x_guessed()[None])[0] < target:
                return generation
        raise AssertionError("pints did not reach the target")

    def ours(seed: int) -> int:
        strategy = build("snes", {"sigma_init": 1.0}, dimension, population, seed)
        for generation in range(1000):
            tell(strategy, function)
            if function(strategy.mean[None].astype(np.float64))[0] < target:
                return generation
        raise AssertionError("ours did not reach the target")

    assert median(map(ours, seeds)) == pytest.approx(median(map(theirs, seeds)), rel=0.15)


def build(name: str, options: dict[str, Any], dimension: int, population: int, seed: int) -> Strategy:
    strategy = cast("type[Strategy]", STRATEGIES[name])
    spec = strategy.Spec.model_validate({"name": name} | options)
    return strategy(spec, Problem(population, seed, np.ones(dimension, np.float32)))


def tell(strategy: Strategy, function: Function) -> None:
    members = strategy.ask().rows(0, strategy.population_size)
    strategy.tell(-function(members.astype(np.float64)))
