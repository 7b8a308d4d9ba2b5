"""How far our own strategies must get, where that is not what the contract asks of any strategy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seedcast.services.master.strategies.contract.settings import Budget, Settings

DECLARED: Mapping[str, Mapping[str, Any]] = {
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
"""By name, what differs from `Settings`: more where an algorithm is better, less where it honestly cannot."""


def declared(name: str, hyperparameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return what differs for a strategy with these hyperparameters, those beside its name.

    With its defaults it is held to all that it can do. With others, to no more than any strategy: they may be why
    it does not come as far.
    """
    own = dict(DECLARED.get(name, {}))
    if not hyperparameters.keys() - {"name"}:
        return own
    return {field: value for field, value in own.items() if not _asks_for_more(field, value)}


def _asks_for_more(field: str, value: Any) -> bool:  # noqa: ANN401 - of any setting
    if isinstance(value, Budget):
        return bool(value.factor > getattr(Settings, field).factor)
    return field == "rotation_invariant"
