"""Small specifications for tests."""

from __future__ import annotations

from typing import Any

from seedcast.shared.spec.experiment import ExperimentSpec


def cartpole(**changes: Any) -> ExperimentSpec:
    """Return a CartPole experiment that takes a second or two."""
    return ExperimentSpec.model_validate(cartpole_values() | changes)


def cartpole_values() -> dict[str, Any]:
    """Return the same as plain values."""
    return {
        "name": "cartpole",
        "seed": 7,
        "environment": {"id": "CartPole-v1", "max_episode_steps": 100},
        "policy": {"name": "linear", "normalise_observations": True},
        "strategy": {"name": "pgpe", "radius": 2},
        "population_size": 16,
        "episodes_per_member": 2,
        "episode_seeds": "pair",
        "test": {"every": 3, "episodes": 10},
        "stop": {"generations": 6},
    }
