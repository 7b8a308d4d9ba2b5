"""Random models for tests."""

from __future__ import annotations

from typing import Any

import numpy as np

from seedcast.shared.model import Model, ModelMetadata
from seedcast.shared.observation_stats import Normaliser
from seedcast.shared.spec.environment import (
    ActionSpace,
    ContinuousActions,
    DiscreteActions,
    EnvironmentDescription,
    EnvironmentSpec,
    MultiDiscreteActions,
)

BOX = ContinuousActions(low=[-1, -2, None], high=[1, 4, None])
SPACES: dict[str, ActionSpace] = {
    "box": BOX,
    "discrete": DiscreteActions(count=3),
    "several": MultiDiscreteActions(counts=[2, 4]),
}
SYMMETRY = {"observations": {"swap": [[0, 3]], "negate": [1]}, "actions": {"swap": [[0, 2]]}}
POLICIES: list[dict[str, Any]] = [
    {"name": "linear"},
    {"name": "linear", "bias": False},
    *({"name": "mlp", "hidden": [7, 5], "activation": name} for name in ("tanh", "relu", "elu", "sigmoid")),
    {"name": "mlp", "hidden": [], "bias": False},
    {"name": "recurrent", "cell": "elman", "hidden": 6},
    {"name": "recurrent", "cell": "gru", "hidden": 6},
    {"name": "linear", "symmetry": SYMMETRY},
    {"name": "mlp", "hidden": [7, 5], "symmetry": SYMMETRY},
    {"name": "recurrent", "cell": "elman", "hidden": 6, "symmetry": SYMMETRY},
    {"name": "recurrent", "cell": "gru", "hidden": 6, "symmetry": SYMMETRY},
]


def random_model(
    policy: dict[str, Any], space: ActionSpace = BOX, normalised: bool = True, size: int = 4
) -> Model:
    """Return a model of a made-up environment with random parameters."""
    description = EnvironmentDescription(
        observation_size=size, actions=space, max_episode_steps=50, engine="gymnasium"
    )
    metadata = ModelMetadata.model_validate(
        {
            "environment": EnvironmentSpec(id="MadeUp-v0"),
            "description": description,
            "policy": policy,
            "generation": 3,
        }
    )
    draws = np.random.default_rng(5)
    normaliser = None
    if normalised:
        mean, std = draws.normal(size=size).astype(np.float32), draws.uniform(0.1, 2, size).astype(np.float32)
        normaliser = Normaliser(mean, std)
    empty = Model(parameters=np.zeros(0, np.float32), normaliser=normaliser, metadata=metadata)
    parameters = draws.standard_normal(empty.policy().dimension).astype(np.float32)
    return empty.model_copy(update={"parameters": parameters})
