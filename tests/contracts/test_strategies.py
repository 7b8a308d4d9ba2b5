"""Every registered strategy keeps the contract; a new one is held to it as soon as it is registered."""

from __future__ import annotations

from typing import Any

import pytest

pytest.register_assert_rewrite("seedcast.services.master.strategies.contract")

from seedcast.cli.holding import Holding  # noqa: E402
from seedcast.services.master.strategies.contract import Budget  # noqa: E402
from seedcast.services.master.strategies.contract.declared import DECLARED, declared  # noqa: E402
from seedcast.shared.spec.strategies import STRATEGIES  # noqa: E402

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
    ("pgpe", "robust_z_score", {"fitness_shaping": "robust_z_score"}, {}),
    ("pgpe", "raw", {"fitness_shaping": "raw"}, {}),
    ("pgpe", "nes_utilities", {"fitness_shaping": "nes_utilities"}, {}),
    ("simple_ga", "without_crossover", {"crossover": False}, {}),
    ("simple_ga", "forgetful", {"forget_elites": True}, {}),
]
"""Name, what is told apart, hyperparameters, and what they change of what is declared."""


for name in STRATEGIES:
    globals()[f"Test_{name}"] = Holding("strategy", name, {"name": name}).contract()  # as `seedcast check` has it

for name, variant, hyperparameters, changes in VARIANTS:
    values, settings = {"name": name} | hyperparameters, {**DECLARED.get(name, {}), **changes}
    globals()[f"Test_{name}_{variant}"] = Holding("strategy", name, values, settings).contract()


def test_every_declaration_is_of_a_registered_strategy() -> None:
    assert set(DECLARED) <= set(STRATEGIES)


def test_other_hyperparameters_than_the_defaults_are_held_to_no_more_than_any_strategy() -> None:
    assert declared("cma_es", {"name": "cma_es", "covariance": "diagonal"}) == {}
    slower = declared("ars", {"name": "ars", "top_directions": 4})
    assert slower == {"noisy_sphere": Budget(1000, 10), "fitness_invariance": "affine"}
