"""A model acts as the rollout engine has it act."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

from seedcast import Model
from seedcast.services.worker.engine import run_unit
from seedcast.services.worker.environments.registry import describe
from seedcast.shared.errors import InvalidInput
from seedcast.shared.model import Model as StoredModel
from seedcast.shared.model import ModelMetadata
from seedcast.shared.observation_stats import Normaliser
from seedcast.shared.protocol import Unit, UnitHeader
from seedcast.shared.spec.environment import EnvironmentSpec

SEED = 5


def stored(path: Path, id_: str, policy: dict[str, Any], normalised: bool) -> StoredModel:
    """Write a random model for an environment and return it."""
    environment = EnvironmentSpec(id=id_, engine="gymnasium", max_episode_steps=60)
    description = describe(environment)
    metadata = ModelMetadata.model_validate(
        {"environment": environment, "description": description, "policy": policy}
    )
    size = description.observation_size
    normaliser = Normaliser(np.full(size, 0.1, np.float32), np.full(size, 2, np.float32)) if normalised else None
    model = StoredModel(parameters=np.zeros(0, np.float32), normaliser=normaliser, metadata=metadata)
    draws = np.random.default_rng(1).standard_normal(model.policy().dimension).astype(np.float32)
    model = model.model_copy(update={"parameters": draws})
    path.write_bytes(model.to_bytes())
    return model


@pytest.mark.parametrize("normalised", [False, True], ids=["plain", "normalised"])
@pytest.mark.parametrize(
    ("id_", "policy"),
    [
        ("CartPole-v1", {"name": "linear"}),
        ("Pendulum-v1", {"name": "mlp", "hidden": [8, 8]}),
        ("Pendulum-v1", {"name": "recurrent", "cell": "gru", "hidden": 6}),
        ("CartPole-v1", {"name": "recurrent", "cell": "elman", "hidden": 6}),
    ],
)
def test_a_loaded_model_gets_the_very_return_that_a_worker_computes(
    tmp_path: Path, id_: str, policy: dict[str, Any], normalised: bool
) -> None:
    model = stored(tmp_path / "model.npz", id_, policy, normalised)
    header = UnitHeader(environment=model.metadata.environment, policy=model.metadata.policy)
    rows, seeds = np.zeros(1, np.int32), np.array([SEED], np.int32)
    rollout = Unit(header, model.parameters[None, :], rows, seeds, model.normaliser)
    expected = run_unit(rollout).returns[0]

    loaded = Model.load(tmp_path / "model.npz")
    for _ in range(2):  # the second time without what a recurrent policy remembers of the first
        loaded.reset()
        assert played(loaded, id_) == expected


def played(model: Model, id_: str) -> float:
    environment = gymnasium.make(id_, max_episode_steps=60)
    observation, _ = environment.reset(seed=SEED)
    total, over = 0.0, False
    while not over:
        observation, reward, terminated, truncated, _ = environment.step(model.act(observation))
        total += float(reward)
        over = terminated or truncated
    return total


@pytest.mark.parametrize(("observation", "reason"), [([0.0] * 3, "3 values"), ([0.0, 0, 0, np.nan], "finite")])
def test_an_observation_that_does_not_fit_is_refused(
    tmp_path: Path, observation: list[float], reason: str
) -> None:
    stored(tmp_path / "model.npz", "CartPole-v1", {"name": "linear"}, normalised=False)
    with pytest.raises(InvalidInput, match=reason):
        Model.load(str(tmp_path / "model.npz")).act(observation)
