"""Every registered strategy keeps the contract; a new one is held to it as soon as it is registered."""

from __future__ import annotations

from typing import Any, cast

import pytest

pytest.register_assert_rewrite("services.master.strategies.contract")

from services.master.strategies.base import Strategy  # noqa: E402
from services.master.strategies.contract import Budget, StrategyContract  # noqa: E402
from shared.spec.strategies import STRATEGIES  # noqa: E402

DECLARED: dict[str, dict[str, Any]] = {
    "ars": {
        "sphere": Budget(200, 1e6),
        "ellipsoid": Budget(300, 200),
        "noisy_sphere": Budget(1000, 10),  # perturbations of 0.03 drown in the noise: it takes longer
        "fitness_invariance": "affine",  # it divides by the deviation of the returns
    },
    "cma_es": {
        "sphere": Budget(200, 1e12),
        "ellipsoid": Budget(300, 1e10),
        "noisy_sphere": Budget(200, 20),
        "rotation_invariant": True,
    },
    "cr_fm_nes": {"sphere": Budget(200, 1e12), "ellipsoid": Budget(300, 1e5)},
    "openai_es": {
        "sphere": Budget(200, 1e4),
        "ellipsoid": Budget(300, 200),
        "noisy_sphere": Budget(1000, 5),  # as for ARS, and its σ is not learnt
    },
    "pepg": {"sphere": Budget(300, 100)},  # the sample's Adam, whose β₁ is 0.99, overshoots and comes back
    "random_search": {  # a baseline: chance alone does not come further
        "sphere": Budget(200, 3),
        "ellipsoid": Budget(300, 5),
        "noisy_sphere": Budget(200, 2),
    },
    "simple_ga": {"sphere": Budget(200, 200), "ellipsoid": Budget(300, 200), "noisy_sphere": Budget(200, 4)},
    "snes": {"sphere": Budget(200, 1e10), "ellipsoid": Budget(300, 200)},
    "xnes": {"rotation_invariant": True},
}
"""What differs from the contract's defaults: more where an algorithm is better, less where it honestly cannot."""

VARIANTS: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    (
        "cma_es",
        "diagonal",
        {"covariance": "diagonal"},
        {"ellipsoid": Budget(300, 1000), "rotation_invariant": False},
    ),
    (
        "cma_es",
        "vkd",
        {"covariance": "vkd"},
        {"sphere": Budget(200, 1e10), "ellipsoid": Budget(300, 1e6), "rotation_invariant": False},
    ),
    ("pepg", "adams_own_beta1", {"adam_beta1": 0.9}, {"sphere": Budget(200, 1e4)}),
    ("pgpe", "adam", {"optimizer": {"name": "adam"}}, {}),
    ("pgpe", "sgd", {"optimizer": {"name": "sgd"}}, {}),
    ("pgpe", "z_score", {"fitness_shaping": "z_score"}, {}),
    ("pgpe", "raw", {"fitness_shaping": "raw"}, {}),
    ("pgpe", "nes_utilities", {"fitness_shaping": "nes_utilities"}, {}),
    ("simple_ga", "without_crossover", {"crossover": False}, {}),
    ("simple_ga", "forgetful", {"forget_elites": True}, {}),
]
"""Name, what is told apart, hyperparameters, and what they change of what is declared."""


def contract(name: str, hyperparameters: dict[str, Any], declared: dict[str, Any]) -> type[StrategyContract]:
    """Make a class of tests that pytest collects."""
    strategy = cast(type[Strategy], STRATEGIES[name])
    body = {"strategy": strategy, "hyperparameters": {"name": name} | hyperparameters} | declared
    return type(f"Test_{name}", (StrategyContract,), body)


for name in STRATEGIES:
    globals()[f"Test_{name}"] = contract(name, {}, DECLARED.get(name, {}))

for name, variant, hyperparameters, changes in VARIANTS:
    declared = DECLARED.get(name, {}) | changes
    globals()[f"Test_{name}_{variant}"] = contract(name, hyperparameters, declared)


def test_every_declaration_is_of_a_registered_strategy() -> None:
    assert set(DECLARED) <= set(STRATEGIES)
