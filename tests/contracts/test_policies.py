"""What every registered policy promises."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from shared.errors import InvalidInput
from shared.policies.base import Policy, PolicyLanes
from shared.spec.environment import ActionSpace, ContinuousActions, DiscreteActions
from shared.spec.policy import POLICIES

CONTINUOUS = ContinuousActions(low=[-1.0, -2.0, None], high=[1.0, 3.0, None])
DISCRETE = DiscreteActions(count=5)
SPACES: list[ActionSpace] = [CONTINUOUS, DISCRETE]
WIDTH = 16
EPISODES = 24
STEPS = 3

OPTIONS: dict[str, list[dict[str, Any]]] = {
    "mlp": [
        {"hidden": [40, 40], "activation": "tanh"},
        {"hidden": [7], "activation": "relu", "bias": False},
        {"hidden": [5, 9, 3], "activation": "elu", "actions": "clip"},
        {"hidden": [64], "activation": "sigmoid"},
        {"hidden": [], "activation": "identity"},
    ],
    "recurrent": [{"cell": "elman", "hidden": 5}, {"cell": "gru", "hidden": 8}],
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


def episodes(policy: Policy) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Draw parameters ``(EPISODES, dimension)`` and observations ``(EPISODES, STEPS, observation_size)``."""
    random = np.random.default_rng(0)
    parameters = random.standard_normal((EPISODES, policy.dimension), dtype=np.float32)
    return parameters, random.standard_normal((EPISODES, STEPS, policy.observation_size), dtype=np.float32)


def begin(policy: Policy, group: list[int], width: int) -> PolicyLanes:
    """Load the episodes of ``group`` into lanes 0, 1, 2, ..."""
    lanes = policy.lanes(width)
    for lane, episode in enumerate(group):
        lanes.load(lane, episodes(policy)[0][episode])
    return lanes


def act(policy: Policy, lanes: PolicyLanes, now: list[tuple[int, int]]) -> NDArray[Any]:
    """Act on one (episode, step) in each lane."""
    observations = episodes(policy)[1]
    return policy.head(lanes.outputs(np.stack([observations[position] for position in now]))).copy()


def together(policy: Policy, group: list[int], width: int) -> NDArray[Any]:
    """Return the actions ``(group, STEPS, ...)`` of episodes that share a batch."""
    lanes = begin(policy, group, width)
    steps = [act(policy, lanes, [(episode, step) for episode in group]) for step in range(STEPS)]
    return np.stack(steps, axis=1)


def alone(policy: Policy) -> NDArray[Any]:
    """Return every episode's actions, each computed in a window of its own."""
    return np.concatenate([together(policy, [episode], width=1) for episode in range(EPISODES)])


@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_an_action_is_the_same_to_the_bit_whatever_shares_its_batch(data: st.DataObject) -> None:
    name, options = data.draw(st.sampled_from(CASES))
    actions: ActionSpace = data.draw(st.sampled_from(SPACES))
    if isinstance(actions, DiscreteActions):
        options = {key: value for key, value in options.items() if key != "actions"}
    policy = build(name, options, data.draw(st.integers(1, 70)), actions)
    expected = alone(policy)
    group = data.draw(st.lists(st.integers(0, EPISODES - 1), min_size=1, max_size=WIDTH))
    np.testing.assert_array_equal(together(policy, group, WIDTH), expected[group])


def test_the_layout_covers_the_parameters_exactly_once(policy: Policy) -> None:
    covered = np.zeros(policy.dimension, np.float32)
    for block in policy.layout:
        block.view(covered)[...] += 1
    assert covered.tolist() == [1] * policy.dimension


def test_every_parameter_matters(policy: Policy) -> None:
    positive = np.abs(episodes(policy)[0][0] * np.float32(0.05))  # small, so that no unit saturates
    before = second_output(policy, positive)
    for index in range(policy.dimension):
        changed = positive.copy()
        changed[index] += 1
        assert not np.array_equal(second_output(policy, changed), before), index


def second_output(policy: Policy, parameters: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the outputs of an episode's second step, when a memory has something to remember."""
    lanes = policy.lanes(1)
    lanes.load(0, parameters)
    observation = np.abs(episodes(policy)[1][0, :1]) + np.float32(0.1)
    lanes.outputs(observation)
    return lanes.outputs(observation).copy()


def test_loading_begins_an_episode_and_leaves_its_neighbours_in_theirs(policy: Policy) -> None:
    expected = alone(policy)
    lanes = begin(policy, [0, 1, 2], width=3)
    act(policy, lanes, [(0, 0), (1, 0), (2, 0)])
    lanes.load(1, episodes(policy)[0][7])
    now = [(0, 1), (7, 0), (2, 1)]
    np.testing.assert_array_equal(act(policy, lanes, now), [expected[position] for position in now])


def test_a_moved_episode_goes_on_as_before(policy: Policy) -> None:
    expected = alone(policy)
    lanes = begin(policy, [0, 1, 2, 3], width=4)
    act(policy, lanes, [(0, 0), (1, 0), (2, 0), (3, 0)])
    lanes.move(3, 1)
    now = [(0, 1), (3, 1), (2, 1)]
    np.testing.assert_array_equal(act(policy, lanes, now), [expected[position] for position in now])


def test_bounded_actions_stay_in_their_bounds(policy: Policy) -> None:
    actions = alone(policy).reshape(-1, 3)
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
