"""The mirror images that docs/policies.md has are those of the environments themselves."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from seedcast.shared.policies.symmetry import Mirror, SymmetrySpec
from tests.processes import ROOT

ROWS = re.findall(
    r"^\| (\S[^|]*) \| `(\{observations.*\})` \|$", (ROOT / "docs/policies.md").read_text(), re.MULTILINE
)
PUBLISHED = {
    name: SymmetrySpec.model_validate(yaml.safe_load(text)) for row, text in ROWS for name in row.split(", ")
}


def mirrored_state(environment: Any) -> None:
    environment.state = -np.asarray(environment.state)


def exchanged_legs(walker: Any) -> None:
    walker.legs = [*walker.legs[2:], *walker.legs[:2]]
    walker.joints = [*walker.joints[2:], *walker.joints[:2]]


MIRRORED: dict[str, Callable[[Any], None]] = {
    "CartPole-v1": mirrored_state,
    "Pendulum-v1": mirrored_state,
    "Acrobot-v1": mirrored_state,
    "BipedalWalker-v3": exchanged_legs,
    "BipedalWalkerHardcore-v3": exchanged_legs,
}


@pytest.mark.parametrize("name", MIRRORED)
def test_a_mirrored_episode_under_mirrored_actions_is_the_mirror_image(name: str) -> None:
    one, image = (gymnasium.make(name).unwrapped for _ in range(2))
    size = gymnasium.spaces.flatdim(one.observation_space)
    observed = Mirror(PUBLISHED[name].observations, size, "observations")
    random = np.random.default_rng(3)
    for seed in range(3):
        one.reset(seed=seed)
        image.reset(seed=seed)
        MIRRORED[name](image)
        for _ in range(60):
            action, mirrored = random_action(one.action_space, PUBLISHED[name], random)
            seen, reward, terminated, *_ = one.step(action)
            seen_there, reward_there, *_ = image.step(mirrored)
            np.testing.assert_allclose(seen_there, observed(np.array(seen, np.float64)), rtol=1e-5, atol=1e-6)
            assert reward_there == pytest.approx(reward, rel=1e-4, abs=1e-6)
            if terminated:
                break


def random_action(
    space: gymnasium.Space[Any], symmetry: SymmetrySpec, random: np.random.Generator
) -> tuple[Any, Any]:
    if isinstance(space, gymnasium.spaces.Discrete):
        action = int(random.integers(space.n))
        return action, int(Mirror(symmetry.actions, int(space.n), "actions").places[action])
    assert isinstance(space, gymnasium.spaces.Box)
    real: NDArray[np.float32] = random.uniform(space.low, space.high).astype(np.float32)
    return real, Mirror(symmetry.actions, len(real), "actions")(real)


def test_every_published_image_is_held_to_its_environment() -> None:
    assert set(PUBLISHED) - set(MIRRORED) == {"BipedalWalkerCourse-v0"}  # Hardcore's body, to the bit
