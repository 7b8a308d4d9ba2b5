"""What every registered policy promises."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from shared.errors import InvalidInput
from shared.policies.base import Policy
from shared.spec.environment import ActionSpace, ContinuousActions, DiscreteActions
from shared.spec.policy import POLICIES

CONTINUOUS = ContinuousActions(low=[-1.0, -2.0, None], high=[1.0, 3.0, None])
DISCRETE = DiscreteActions(count=5)
WIDTH = 16
EPISODES = 40

OPTIONS: dict[str, list[dict[str, Any]]] = {
    "mlp": [
        {"hidden": [40, 40], "activation": "tanh"},
        {"hidden": [7], "activation": "relu", "bias": False},
        {"hidden": [5, 9, 3], "activation": "elu", "actions": "clip"},
        {"hidden": [64], "activation": "sigmoid"},
        {"hidden": [], "activation": "identity"},
    ],
    "linear": [{"bias": True}, {"bias": False, "actions": "clip"}],
}
"""What to vary; a policy that is not here is tested with its defaults."""

CASES = [(name, options) for name in POLICIES for options in OPTIONS.get(name, [{}])]


def build(name: str, options: dict[str, Any], observation_size: int, actions: ActionSpace) -> Policy:
    policy = POLICIES[name]
    return policy(policy.Spec(name=name, **options), observation_size, actions)


@pytest.fixture(params=CASES, ids=lambda case: "-".join([case[0], *map(str, case[1].values())]))
def case(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    chosen: tuple[str, dict[str, Any]] = request.param
    return chosen


@pytest.fixture(params=[1, 3, 24], ids=lambda size: f"{size}-observations")
def policy(request: pytest.FixtureRequest, case: tuple[str, dict[str, Any]]) -> Policy:
    return build(*case, observation_size=request.param, actions=CONTINUOUS)


def episodes(policy: Policy, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Draw parameters ``(EPISODES, dimension)`` and observations ``(EPISODES, observation_size)``."""
    random = np.random.default_rng(seed)
    parameters = random.standard_normal((EPISODES, policy.dimension), dtype=np.float32)
    return parameters, random.standard_normal((EPISODES, policy.observation_size), dtype=np.float32) * 3


def acted(policy: Policy, group: list[int], width: int) -> NDArray[Any]:
    """Return the actions of the episodes in ``group``, computed together in lanes 0, 1, 2, ..."""
    parameters, observations = episodes(policy)
    lanes = policy.lanes(width)
    for lane, episode in enumerate(group):
        lanes.load(lane, parameters[episode])
    return policy.head(lanes.outputs(observations[group])).copy()


def alone(policy: Policy) -> NDArray[Any]:
    """Return every episode's action, each computed in a window of its own."""
    return np.concatenate([acted(policy, [episode], width=1) for episode in range(EPISODES)])


@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_an_action_is_the_same_to_the_bit_whatever_shares_its_batch(data: st.DataObject) -> None:
    name, options = data.draw(st.sampled_from(CASES))
    actions: ActionSpace = data.draw(st.sampled_from([CONTINUOUS, DISCRETE]))
    if isinstance(actions, DiscreteActions):
        options = {key: value for key, value in options.items() if key != "actions"}
    policy = build(name, options, data.draw(st.integers(1, 70)), actions)
    expected = alone(policy)
    group = data.draw(st.lists(st.integers(0, EPISODES - 1), min_size=1, max_size=WIDTH))
    np.testing.assert_array_equal(acted(policy, group, WIDTH), expected[group])


def test_the_layout_covers_the_parameters_exactly_once(policy: Policy) -> None:
    covered = np.zeros(policy.dimension, int)
    for block in policy.layout:
        block.view(covered.view())[...] += 1  # type: ignore[arg-type]
    assert covered.tolist() == [1] * policy.dimension


def test_every_parameter_matters(policy: Policy) -> None:
    positive = np.abs(episodes(policy)[0][0]) * 0.01  # small, so that no unit saturates
    observation = np.abs(episodes(policy)[1][:1]) * 0.1 + 0.1
    lanes = policy.lanes(1)
    lanes.load(0, positive)
    before = lanes.outputs(observation).copy()
    for index in range(policy.dimension):
        changed = positive.copy()
        changed[index] += 0.1
        lanes.load(0, changed)
        assert not np.array_equal(lanes.outputs(observation), before), index


def test_loading_replaces_a_lane_and_leaves_its_neighbours(policy: Policy) -> None:
    parameters, observations = episodes(policy)
    lanes = policy.lanes(3)
    for lane in range(3):
        lanes.load(lane, parameters[lane])
    lanes.outputs(observations[:3])
    lanes.load(1, parameters[7])
    now = policy.head(lanes.outputs(observations[[0, 7, 2]])).copy()
    np.testing.assert_array_equal(now, alone(policy)[[0, 7, 2]])


def test_a_moved_episode_acts_as_before(policy: Policy) -> None:
    parameters, observations = episodes(policy)
    lanes = policy.lanes(4)
    for lane in range(4):
        lanes.load(lane, parameters[lane])
    lanes.move(3, 1)
    now = policy.head(lanes.outputs(observations[[0, 3, 2]])).copy()
    np.testing.assert_array_equal(now, alone(policy)[[0, 3, 2]])


def test_bounded_actions_stay_in_their_bounds(policy: Policy) -> None:
    actions = alone(policy)
    assert (np.abs(actions[:, 0]) <= 1).all()
    assert (actions[:, 1] >= -2).all()
    assert (actions[:, 1] <= 3).all()
    assert (np.abs(actions[:, 2]) > 1).any()  # no bounds, no squashing


def test_initial_parameters_belong_to_the_seed(case: tuple[str, dict[str, Any]]) -> None:
    name, options = case
    policy = build(name, options | {"initial_std": 0.5}, 24, CONTINUOUS)
    assert policy.initial_parameters(1).shape == (policy.dimension,)
    np.testing.assert_array_equal(policy.initial_parameters(1), policy.initial_parameters(1))
    assert not np.array_equal(policy.initial_parameters(1), policy.initial_parameters(2))
    assert policy.initial_parameters(1).std() == pytest.approx(0.5, rel=0.3)


def test_scaling_of_discrete_actions_is_refused_by_name(case: tuple[str, dict[str, Any]]) -> None:
    name, options = case
    with pytest.raises(InvalidInput, match=r"policy\.actions: .*5 discrete actions"):
        build(name, options | {"actions": "tanh"}, 3, DISCRETE)
