"""What every environment promises, whichever engine runs it: an episode is a pure function of its seed."""

from __future__ import annotations

import numpy as np
import pytest

from services.worker.engine import run_unit
from services.worker.environments import registry
from shared.errors import InvalidInput
from shared.protocol import UnitResult
from shared.spec.environment import EnvironmentSpec
from tests.units import numbers, unit

STEPS = 60
"""Long enough for every environment here to depend on its seed and its actions."""

ENVPOOL = [
    "Acrobot-v1", "Ant-v5", "BipedalWalker-v3", "BipedalWalkerHardcore-v3", "CartPole-v1", "HalfCheetah-v5",
    "Hopper-v5", "InvertedPendulum-v5", "LunarLander-v3", "LunarLanderContinuous-v3",
    "MountainCarContinuous-v0", "Pendulum-v1",
]  # fmt: skip
GYMNASIUM = [
    "Acrobot-v1", "BipedalWalker-v3", "BipedalWalkerHardcore-v3", "CartPole-v1", "CliffWalkingSlippery-v1",
    "FrozenLake-v1", "LunarLander-v3", "Pendulum-v1",
]  # fmt: skip
PYBULLET = ["HopperBulletEnv-v0", "InvertedPendulumSwingupBulletEnv-v0", "MinitaurBulletEnv-v0"]
SPECS = [
    EnvironmentSpec(id=id_, engine=engine, max_episode_steps=STEPS)  # type: ignore[arg-type]
    for engine, ids in (("envpool", ENVPOOL), ("gymnasium", GYMNASIUM), ("pybullet", PYBULLET))
    for id_ in ids
]
SEEDS = [11, 12, 13, 11, 14, 15]
ROWS = [0, 1, 2, 0, 0, 1]


@pytest.fixture(params=SPECS, ids=lambda spec: f"{spec.engine}-{spec.id}")
def environment(request: pytest.FixtureRequest) -> EnvironmentSpec:
    spec: EnvironmentSpec = request.param
    if spec.id not in registry.ENGINES[spec.engine].available():
        pytest.skip(f"{spec.engine} has no {spec.id} on this platform")
    return spec


@pytest.fixture
def together(environment: EnvironmentSpec) -> UnitResult:
    return run_unit(unit(environment, SEEDS, ROWS, collect_statistics=True))


def test_an_episode_is_the_same_alone_and_in_a_batch(environment: EnvironmentSpec, together: UnitResult) -> None:
    alone = [run_unit(unit(environment, [seed], [row])) for seed, row in zip(SEEDS, ROWS, strict=True)]
    assert [numbers(one)[0] for one in alone] == numbers(together)


def test_an_episode_is_the_same_in_any_order(environment: EnvironmentSpec, together: UnitResult) -> None:
    backwards = run_unit(unit(environment, SEEDS[::-1], ROWS[::-1], collect_statistics=True))
    assert numbers(backwards)[::-1] == numbers(together)
    assert backwards.observation_sums is not None
    np.testing.assert_array_equal(backwards.observation_sums[::-1], together.observation_sums)


def test_an_episode_is_the_same_at_its_second_run(together: UnitResult) -> None:
    first, second = 0, 3  # the same seed and parameters, in one unit
    assert numbers(together)[first] == numbers(together)[second]
    assert together.observation_squares is not None
    np.testing.assert_array_equal(together.observation_squares[first], together.observation_squares[second])


def test_another_seed_is_another_episode(together: UnitResult) -> None:
    assert together.observation_sums is not None
    one, other = together.observation_sums[0], together.observation_sums[4]  # the same parameters
    assert not np.array_equal(one, other)


def test_no_episode_is_longer_than_the_limit(environment: EnvironmentSpec, together: UnitResult) -> None:
    assert not together.failures
    assert 0 < together.lengths.min() <= together.lengths.max() <= STEPS
    shorter = run_unit(unit(environment, SEEDS, ROWS, max_episode_steps=7))
    assert shorter.lengths.tolist() == np.minimum(together.lengths, 7).tolist()


def test_the_description_states_the_effective_limit(environment: EnvironmentSpec) -> None:
    assert registry.describe(environment).max_episode_steps == STEPS


def test_wrong_kwargs_are_refused_by_name(environment: EnvironmentSpec) -> None:
    wrong = environment.model_copy(update={"kwargs": {"no_such_option": 1}})
    with pytest.raises(InvalidInput, match=r"environment\.kwargs: .*no_such_option"):
        registry.describe(wrong)
