"""Equal fitness teaches nothing: whoever breaks ties by index follows the noise of the perturbations."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest

from seedcast.services.master.strategies.base import Problem, Strategy
from seedcast.shared.spec.strategies import STRATEGIES

POPULATION, DIMENSION = 24, 50
INITIAL = np.linspace(-1, 1, DIMENSION).astype(np.float32)
PENALTIES = ("l2_penalty", "weight_decay")
DRIFTS = {"simple_ga"}
"""Whose survivors are members: among equals any may stay."""

VARIANTS: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in STRATEGIES if name not in DRIFTS),
    *(
        (name, {"fitness_shaping": shaping, "top_pairs_ratio": 0.3})
        for name in ("openai_es", "pepg", "pgpe")
        for shaping in ("centred_ranks", "nes_utilities", "z_score", "raw")
    ),
    ("ars", {"top_directions": 3}),
    ("cma_es", {"covariance": "diagonal"}),
    ("cma_es", {"covariance": "vkd"}),
]
each = pytest.mark.parametrize(("name", "options"), VARIANTS, ids=str)


def build(name: str, options: dict[str, Any], initial: np.ndarray = INITIAL) -> Strategy:
    strategy = cast("type[Strategy]", STRATEGIES[name])
    unpenalised = {field: 0 for field in PENALTIES if field in strategy.Spec.model_fields}
    spec = strategy.Spec.model_validate({"name": name} | unpenalised | options)
    return strategy(spec, Problem(POPULATION, 5, initial))


@each
@pytest.mark.parametrize("initial", [INITIAL, np.zeros(DIMENSION, np.float32)], ids=["anywhere", "zero"])
def test_a_hundred_generations_of_equal_fitness_leave_the_mean_where_it_is(
    name: str, options: dict[str, Any], initial: np.ndarray
) -> None:
    strategy = build(name, options, initial)
    for generation in range(100):
        strategy.ask()
        strategy.tell(np.full(POPULATION, 0.1 * generation))
    assert strategy.generation == 100
    if name == "random_search":  # the first of the equals was better than nothing
        assert strategy.state()["centre"].tobytes() == initial.tobytes()
    else:
        assert strategy.mean.tobytes() == initial.tobytes()


@pytest.mark.parametrize("name", ["openai_es", "pepg", "pgpe"])
@pytest.mark.parametrize("shaping", ["centred_ranks", "nes_utilities"])
def test_rare_rewards_point_where_they_were_found(name: str, shaping: str) -> None:
    # Two of the members succeeded: the mean moves along their noise, and along that of no other.
    strategy = build(name, {"fitness_shaping": shaping, "optimizer": GRADIENT[name], "sigma_init": 0.1})
    members = strategy.ask().rows(0, POPULATION).astype(np.float64)
    fitness = np.zeros(POPULATION)
    fitness[[4, 11]] = 1.0
    strategy.tell(fitness)
    moved = strategy.state()["mean"] - INITIAL
    along = members[4] - INITIAL + members[11] - INITIAL
    cosine = moved @ along / np.linalg.norm(moved) / np.linalg.norm(along)
    assert cosine == pytest.approx(1, abs=1e-6)


GRADIENT: dict[str, Any] = {
    "openai_es": {"name": "sgd", "step_size": 0.1},
    "pepg": "sgd",
    "pgpe": {"name": "sgd", "step_size": 0.1},
}
