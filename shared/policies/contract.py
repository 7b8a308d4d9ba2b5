"""Tests that every policy has to pass; an author runs them by subclassing `PolicyContract` (needs pytest).

::

    from my_package import MyPolicy
    from seedcast.contracts import PolicyContract


    class TestMyPolicy(PolicyContract):
        policy = MyPolicy
        options = {"hidden": 8}
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from seedcast.shared.errors import InvalidInput
from seedcast.shared.policies.base import Policy, PolicyLanes
from seedcast.shared.policies.perturbed_contract import PerturbedLanesContract
from seedcast.shared.spec.environment import ActionSpace, ContinuousActions, DiscreteActions, MultiDiscreteActions

CONTINUOUS = ContinuousActions(low=[-1.0, -2.0, None], high=[1.0, 3.0, None])
SPACES: dict[str, ActionSpace] = {
    "continuous": CONTINUOUS,
    "discrete": DiscreteActions(count=5),
    "multi_discrete": MultiDiscreteActions(counts=[2, 3]),
}
EPISODES = 24
STEPS = 3


class PolicyContract(PerturbedLanesContract):
    """Subclass it as ``TestSomething`` and set `policy`."""

    policy: ClassVar[type[Policy]]
    """The class under test."""
    name: ClassVar[str | None] = None
    """What a specification calls it; None: what its ``Spec`` says."""
    options: ClassVar[dict[str, Any]] = {}
    """Of its specification, where not the defaults."""

    def build(self, size: int = 24, space: ActionSpace = CONTINUOUS, **options: object) -> Policy:
        """Build the policy for observations ``(size,)``."""
        spec = self.policy.Spec
        name = self.name or spec.model_fields["name"].annotation.__args__[0]  # type: ignore[union-attr]
        if not isinstance(space, ContinuousActions):
            options = {"actions": None} | options
        return self.policy(spec(name=name, **{**self.options, **options}), size, space)

    @pytest.mark.parametrize("kind", SPACES)
    @pytest.mark.parametrize("size", [1, 3, 24])
    def test_an_action_is_the_same_to_the_bit_whatever_shares_its_batch(self, size: int, kind: str) -> None:
        policy = self.build(size, SPACES[kind])
        expected = _alone(policy)
        random = np.random.default_rng(size)
        for width in (2, 7, 16):
            group = random.integers(0, EPISODES, width).tolist()
            np.testing.assert_array_equal(_together(policy, group, 16), expected[group])

    @pytest.mark.parametrize("size", [1, 3, 24])
    def test_the_layout_covers_the_parameters_exactly_once(self, size: int) -> None:
        policy = self.build(size)
        covered = np.zeros(policy.dimension, np.float32)
        for block in policy.layout:
            block.view(covered)[...] += 1
        assert covered.tolist() == [1] * policy.dimension

    @pytest.mark.parametrize("size", [1, 3, 24])
    def test_every_parameter_matters(self, size: int) -> None:
        policy = self.build(size)
        positive = np.abs(_episodes(policy)[0][0] * np.float32(0.05))  # small, so that no unit saturates
        before = _second_output(policy, positive)
        for index in range(policy.dimension):
            changed = positive.copy()
            changed[index] += 1
            assert not np.array_equal(_second_output(policy, changed), before), index

    def test_loading_begins_an_episode_and_leaves_its_neighbours_in_theirs(self) -> None:
        policy = self.build()
        expected = _alone(policy)
        lanes = _begin(policy, [0, 1, 2], width=3)
        _act(policy, lanes, [(0, 0), (1, 0), (2, 0)])
        lanes.load(1, _episodes(policy)[0][7])
        now = [(0, 1), (7, 0), (2, 1)]
        np.testing.assert_array_equal(_act(policy, lanes, now), [expected[position] for position in now])

    def test_a_moved_episode_goes_on_as_before(self) -> None:
        policy = self.build()
        expected = _alone(policy)
        lanes = _begin(policy, [0, 1, 2, 3], width=4)
        _act(policy, lanes, [(0, 0), (1, 0), (2, 0), (3, 0)])
        lanes.move(3, 1)
        now = [(0, 1), (3, 1), (2, 1)]
        np.testing.assert_array_equal(_act(policy, lanes, now), [expected[position] for position in now])

    def test_bounded_actions_stay_in_their_bounds(self) -> None:
        actions = _alone(self.build()).reshape(-1, 3)
        assert (np.abs(actions[:, 0]) <= 1).all()
        assert (actions[:, 1] >= -2).all()
        assert (actions[:, 1] <= 3).all()
        assert (np.abs(actions[:, 2]) > 1).any()  # no bounds, no squashing

    def test_several_choices_each_stay_in_their_range(self) -> None:
        choices = _alone(self.build(space=SPACES["multi_discrete"])).reshape(-1, 2)
        assert set(choices[:, 0].tolist()) == {0, 1}
        assert set(choices[:, 1].tolist()) == {0, 1, 2}

    def test_initial_parameters_belong_to_the_seed(self) -> None:
        policy = self.build(initial_std=0.5)
        assert policy.initial_parameters(1).shape == (policy.dimension,)
        np.testing.assert_array_equal(policy.initial_parameters(1), policy.initial_parameters(1))
        assert not np.array_equal(policy.initial_parameters(1), policy.initial_parameters(2))
        assert policy.initial_parameters(1).std() == pytest.approx(0.5, rel=0.3)

    def test_the_gain_multiplies_outputs_before_they_become_actions(self) -> None:
        policy, gentle = self.build(), self.build(output_gain=0.25)
        outputs = np.random.default_rng(0).standard_normal((4, 3), dtype=np.float32)
        np.testing.assert_array_equal(gentle.head(4 * outputs), policy.head(outputs))

    @pytest.mark.parametrize(("field", "value"), [("actions", "tanh"), ("output_gain", 0.5)])
    def test_scaling_of_discrete_actions_is_refused_by_name(self, field: str, value: object) -> None:
        with pytest.raises(InvalidInput, match=rf"policy\.{field}: .*5 discrete actions"):
            self.build(3, SPACES["discrete"], **{field: value})


def _episodes(policy: Policy) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Draw parameters ``(EPISODES, dimension)`` and observations ``(EPISODES, STEPS, observation_size)``."""
    random = np.random.default_rng(0)
    parameters = random.standard_normal((EPISODES, policy.dimension), dtype=np.float32)
    return parameters, random.standard_normal((EPISODES, STEPS, policy.observation_size), dtype=np.float32)


def _begin(policy: Policy, group: list[int], width: int) -> PolicyLanes:
    """Load the episodes of ``group`` into lanes 0, 1, 2, ..."""
    lanes = policy.lanes(width)
    for lane, episode in enumerate(group):
        lanes.load(lane, _episodes(policy)[0][episode])
    return lanes


def _act(policy: Policy, lanes: PolicyLanes, now: list[tuple[int, int]]) -> NDArray[Any]:
    """Act on one (episode, step) in each lane."""
    observations = _episodes(policy)[1]
    return policy.head(lanes.outputs(np.stack([observations[position] for position in now]))).copy()


def _together(policy: Policy, group: list[int], width: int) -> NDArray[Any]:
    """Return the actions ``(group, STEPS, ...)`` of episodes that share a batch."""
    lanes = _begin(policy, group, width)
    steps = [_act(policy, lanes, [(episode, step) for episode in group]) for step in range(STEPS)]
    return np.stack(steps, axis=1)


def _alone(policy: Policy) -> NDArray[Any]:
    """Return every episode's actions, each computed in a window of its own."""
    return np.concatenate([_together(policy, [episode], width=1) for episode in range(EPISODES)])


def _second_output(policy: Policy, parameters: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the outputs of an episode's second step, when a memory has something to remember."""
    lanes = policy.lanes(1)
    lanes.load(0, parameters)
    observation = np.abs(_episodes(policy)[1][0, :1]) + np.float32(0.1)
    lanes.outputs(observation)
    return lanes.outputs(observation).copy()
