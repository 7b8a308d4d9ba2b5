"""A task's mirror image, and policies that act mirrored there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from seedcast.shared.errors import InvalidInput
from seedcast.shared.observation_stats import ObservationStatistics
from seedcast.shared.policies.base import PolicySpec
from seedcast.shared.policies.symmetry import Mirror, MirrorSpec, SymmetrySpec
from seedcast.shared.spec.environment import (
    ActionSpace,
    ContinuousActions,
    DiscreteActions,
    EnvironmentDescription,
    MultiDiscreteActions,
)
from seedcast.shared.spec.policy import POLICIES, build_policy
from seedcast.shared.validation import field_errors

SIZE = 24
LEGS = {"observations": {"swap": [[4, 9], [5, 10]], "negate": [0, 5, 10]}, "actions": {"swap": [[0, 2], [1, 3]]}}
LEAN = {"observations": {"negate": [0, 2]}, "actions": {"negate": [1]}}
WALKER = ContinuousActions(low=[-1.0] * 4, high=[1.0] * 4)
SPACES: dict[str, ActionSpace] = {
    "continuous": WALKER,
    "discrete": DiscreteActions(count=4),
    "several": MultiDiscreteActions(counts=[2, 2]),
}


@st.composite
def mirrors(draw: st.DrawFn) -> MirrorSpec:
    places = draw(st.permutations(range(SIZE)))
    pairs = draw(st.integers(0, SIZE // 2))
    swap = [list(places[2 * index : 2 * index + 2]) for index in range(pairs)]
    signs = draw(st.lists(st.booleans(), min_size=SIZE, max_size=SIZE))
    negate = [index for pair, sign in zip(swap, signs, strict=False) if sign for index in pair]
    alone = [index for index, sign in zip(places[2 * pairs :], signs[pairs:], strict=False) if sign]
    return MirrorSpec(swap=swap, negate=negate + alone)


def described(space: ActionSpace) -> EnvironmentDescription:
    return EnvironmentDescription(observation_size=SIZE, actions=space, max_episode_steps=9, engine="gymnasium")


def policy_spec(name: str, symmetry: dict[str, Any]) -> PolicySpec:
    return POLICIES[name].Spec.model_validate({"name": name, "symmetry": symmetry})


@given(mirrors(), st.integers(0, 99))
def test_the_mirror_image_of_a_mirror_image_is_what_was_there(spec: MirrorSpec, seed: int) -> None:
    mirror = Mirror(spec, SIZE, "observations")
    values = np.random.default_rng(seed).standard_normal((3, SIZE), dtype=np.float32)
    image = mirror(values)
    assert image.dtype == np.float32
    np.testing.assert_array_equal(mirror(image), values)
    for one, other in spec.swap:
        np.testing.assert_array_equal(image[:, one], values[:, other] * (-1 if one in spec.negate else 1))


@given(mirrors(), st.integers(0, 99))
def test_a_normaliser_of_evened_sums_treats_an_observation_and_its_image_alike(
    spec: MirrorSpec, seed: int
) -> None:
    mirror = Mirror(spec, SIZE, "observations")
    seen = np.random.default_rng(seed).normal(np.arange(SIZE), 2, (5, 7, SIZE))
    statistics = ObservationStatistics.empty(SIZE)
    statistics.add(np.full(5, 7, np.int32), *mirror.evened(seen.sum(axis=1), (seen**2).sum(axis=1)))
    both = np.concatenate([seen, mirror(seen)]).reshape(-1, SIZE)
    normaliser = statistics.normaliser()
    np.testing.assert_allclose(normaliser.mean, both.mean(axis=0), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(normaliser.std, both.std(axis=0), rtol=1e-5)
    observations = seen[0].astype(np.float32)
    np.testing.assert_array_equal(normaliser(mirror(observations)), mirror(normaliser(observations)))


@pytest.mark.parametrize("symmetry", [LEGS, LEAN], ids=["legs", "lean"])
@pytest.mark.parametrize("name", POLICIES)
def test_every_policy_acts_mirrored_on_mirrored_observations(name: str, symmetry: dict[str, Any]) -> None:
    policy = build_policy(policy_spec(name, symmetry), described(WALKER))
    spec = SymmetrySpec.model_validate(symmetry)
    observed, acted = Mirror(spec.observations, SIZE, "observations"), Mirror(spec.actions, 4, "actions")
    draws = np.random.default_rng(1)
    lanes = policy.lanes(2)
    lanes.load(np.arange(2), np.repeat(draws.standard_normal((1, policy.dimension), dtype=np.float32), 2, axis=0))
    for _ in range(4):
        observation = draws.standard_normal((1, SIZE), dtype=np.float32)
        action, image = policy.head(lanes.outputs(np.concatenate([observation, observed(observation)])))
        np.testing.assert_array_equal(image, acted(action))
        assert np.ptp(action) > 0


def test_outputs_are_the_mean_of_both_passes() -> None:
    policy = build_policy(policy_spec("linear", LEGS), described(WALKER))
    plain = build_policy(POLICIES["linear"].Spec(name="linear"), described(WALKER))
    assert policy.layout == plain.layout
    parameters = np.random.default_rng(0).standard_normal(policy.dimension, dtype=np.float32)
    observation = np.random.default_rng(1).standard_normal((1, SIZE), dtype=np.float32)
    image = observation.copy()
    image[0, [4, 9, 5, 10]] = observation[0, [9, 4, 10, 5]] * np.array([1, 1, -1, -1], np.float32)
    image[0, 0] *= -1
    weights, bias = (block.view(parameters) for block in policy.layout)
    expected = (observation @ weights + bias + (image @ weights + bias)[:, [2, 3, 0, 1]]) / 2
    lanes = policy.lanes(1)
    lanes.load(0, parameters)
    np.testing.assert_allclose(lanes.outputs(observation), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("space", ["discrete", "several"])
def test_discrete_choices_change_places(space: str) -> None:
    symmetry = {"observations": {"negate": [0]}, "actions": {"swap": [[0, 1], [2, 3]]}}
    policy = build_policy(policy_spec("linear", symmetry), described(SPACES[space]))
    lanes = policy.lanes(1)
    lanes.load(0, np.random.default_rng(0).standard_normal(policy.dimension, dtype=np.float32))
    observation = np.random.default_rng(2).standard_normal((1, SIZE), dtype=np.float32)
    image = observation.copy()
    image[0, 0] *= -1
    one, other = (
        int(np.atleast_1d(policy.head(lanes.outputs(seen).copy())[0])[0]) for seen in (observation, image)
    )
    assert other == {0: 1, 1: 0, 2: 3, 3: 2}[one]


@pytest.mark.parametrize(
    ("given_", "field", "reason"),
    [
        ({"swap": [[1, 1]]}, "swap", "has 1 twice"),
        ({"swap": [[1, 2], [2, 3]]}, "swap", "has 2 twice"),
        ({"negate": [4, 4]}, "negate", "has 4 twice"),
        (
            {"swap": [[1, 2]], "negate": [2]},
            "negate",
            "has one of 1 and 2, which change places: give both or neither",
        ),
        ({"swap": [[1, 2, 3]]}, "swap.0", "at most 2 items"),
        ({"swap": [[1]]}, "swap.0", "at least 2 items"),
        ({"negate": [-1]}, "negate.0", "greater than or equal to 0"),
        ({"negate": [True]}, "negate", "true and false"),
    ],
)
def test_what_is_no_mirror_is_refused_by_name(given_: dict[str, Any], field: str, reason: str) -> None:
    with pytest.raises(ValidationError) as refused:
        policy_spec("mlp", {"observations": given_, "actions": {}})
    (error,) = field_errors(refused.value.errors())
    assert error.field == f"symmetry.observations.{field}"
    assert reason in error.reason


@pytest.mark.parametrize(
    ("symmetry", "space", "message"),
    [
        (
            {"observations": {"swap": [[4, 24]]}, "actions": {}},
            "continuous",
            r"policy\.symmetry\.observations\.swap: has 24, and there are 24",
        ),
        (
            {"observations": {}, "actions": {"negate": [4]}},
            "continuous",
            r"policy\.symmetry\.actions\.negate: has 4, and there are 4",
        ),
        (
            {"observations": {}, "actions": {"swap": [[0, 5]]}},
            "several",
            r"policy\.symmetry\.actions\.swap: has 5",
        ),
        (
            {"observations": {}, "actions": {"negate": [0]}},
            "discrete",
            r"policy\.symmetry\.actions\.negate: is for",
        ),
    ],
)
def test_a_symmetry_that_does_not_fit_the_task_is_refused_by_name(
    symmetry: dict[str, Any], space: str, message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        build_policy(policy_spec("linear", symmetry), described(SPACES[space]))


def test_the_largest_mirror_that_is_taken_is_read_without_looking_for_each_index_in_a_list() -> None:
    """Every pair looked for in the whole of a list would be ten thousand million looks."""
    pairs = np.arange(200_000).reshape(-1, 2)
    spec = MirrorSpec(swap=pairs.tolist(), negate=pairs[:50_000].ravel().tolist())
    mirror = Mirror(spec, 200_000, "observations")
    np.testing.assert_array_equal(mirror.places[pairs], pairs[:, ::-1])
    assert mirror.signs.sum() == 0
