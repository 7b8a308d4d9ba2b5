"""Tests that a policy's perturbed lanes have to pass, if it has any; they are part of `PolicyContract`."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from seedcast.shared.low_rank import LowRank
from seedcast.shared.perturbations import GaussianMembers, NoiseKey
from seedcast.shared.policies.base import FloatArray, Policy, PolicyLanes
from seedcast.shared.spec.environment import ActionSpace, ContinuousActions

SPACE = ContinuousActions(low=[None] * 17, high=[None] * 17)
MEMBERS = 24
STEPS = 3
GROUPS = (1, 2, 7, 8, 9, 16, 19)
"""How many episodes share a batch; blocks of lanes end before, at and after some of them."""


class PerturbedLanesContract:
    """Members around one mean act as their whole parameters do, and the same in any company."""

    @abstractmethod
    def build(self, size: int = 24, space: ActionSpace = SPACE, **options: object) -> Policy:
        """Build the policy for observations ``(size,)``."""

    @pytest.mark.parametrize("rank", [1, 3])
    def test_perturbed_lanes_act_as_whole_parameters_do_to_rounding(self, rank: int) -> None:
        trial = _Trial(self.build(space=SPACE), rank)
        group = list(range(MEMBERS))
        perturbed = trial.outputs(trial.perturbed(group), group)
        whole = trial.outputs(trial.whole(group), group)
        np.testing.assert_allclose(perturbed, whole, rtol=1e-4, atol=1e-4)
        assert np.abs(whole[0] - whole[2]).max() > 100 * 1e-4  # members differ by far more

    @pytest.mark.parametrize("rank", [1, 3])
    def test_a_perturbed_lane_is_the_same_to_the_bit_whatever_shares_its_batch(self, rank: int) -> None:
        trial = _Trial(self.build(space=SPACE), rank)
        alone = np.concatenate([trial.outputs(trial.perturbed([one]), [one]) for one in range(MEMBERS)])
        random = np.random.default_rng(rank)
        for count in GROUPS:
            group = random.integers(0, MEMBERS, count).tolist()
            np.testing.assert_array_equal(trial.outputs(trial.perturbed(group), group), alone[group])

    def test_a_perturbed_lane_that_is_moved_goes_on_and_one_that_is_loaded_begins(self) -> None:
        trial = _Trial(self.build(space=SPACE), 1)
        alone = trial.outputs(trial.perturbed([0, 3, 5]), [0, 3, 5])
        lanes = trial.perturbed([0, 1, 2, 3])
        trial.act(lanes, [(0, 0), (1, 0), (2, 0), (3, 0)])
        lanes.move(3, 1)
        lanes.load(2, trial.members.around_the_mean(np.array([5]))[0])
        now = trial.act(lanes, [(0, 1), (3, 1), (5, 0)])
        np.testing.assert_array_equal(now, np.stack([alone[0, 1], alone[1, 1], alone[2, 0]]))


@dataclass
class _Trial:
    policy: Policy
    rank: int
    members: GaussianMembers = field(init=False)
    low_rank: LowRank = field(init=False)
    observations: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        random = np.random.default_rng(0)
        mean = random.standard_normal(self.policy.dimension, dtype=np.float32) * np.float32(0.3)
        self.low_rank = LowRank.of(self.policy.matrices, self.rank)
        key = NoiseKey(seed=1, generation=2, mirrored=True, low_rank=self.low_rank)
        numbers = np.arange(MEMBERS, dtype=np.int32)
        self.members = GaussianMembers(mean, np.array([0.1], np.float32), key, numbers)
        shape = (MEMBERS, STEPS, self.policy.observation_size)
        self.observations = random.standard_normal(shape, dtype=np.float32)
        if self.policy.perturbed_lanes(1, mean, self.low_rank) is None:
            pytest.skip("it has no perturbed lanes: members are written out")

    def perturbed(self, group: list[int]) -> PolicyLanes:
        lanes = self.policy.perturbed_lanes(len(group), self.members.mean, self.low_rank)
        if lanes is None:
            raise TypeError("perturbed lanes for one width only")
        lanes.load(np.arange(len(group)), self.members.around_the_mean(np.array(group)))
        return lanes

    def whole(self, group: list[int]) -> PolicyLanes:
        lanes = self.policy.lanes(len(group))
        lanes.load(np.arange(len(group)), self.members[np.array(group)])
        return lanes

    def act(self, lanes: PolicyLanes, now: list[tuple[int, int]]) -> NDArray[np.float32]:
        """Return the outputs of one (member, step) in each lane."""
        return lanes.outputs(np.stack([self.observations[one] for one in now])).copy()

    def outputs(self, lanes: PolicyLanes, group: list[int]) -> NDArray[np.float32]:
        """Return the outputs ``(group, STEPS, outputs)`` of whole episodes."""
        steps = [self.act(lanes, [(member, step) for member in group]) for step in range(STEPS)]
        return np.stack(steps, axis=1)
