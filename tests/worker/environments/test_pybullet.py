"""PyBullet's environments: the Minitaur beside the original, and episodes that owe nothing to one another."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("pybullet")

from seedcast.services.worker.engine import run_unit
from seedcast.services.worker.environments import pybullet_lanes, registry
from seedcast.services.worker.environments.pybullet_adapter import connect, pybullet_envs, silence
from seedcast.services.worker.environments.pybullet_minitaur import Minitaur
from seedcast.shared.errors import InvalidInput
from seedcast.shared.spec.environment import ContinuousActions, EnvironmentSpec
from tests.units import numbers, unit

MINITAUR = "MinitaurBulletEnv-v0"
STEPS = 30
KWARGS: list[dict[str, Any]] = [
    {},
    {"env_randomizer": None},
    {"motor_velocity_limit": 20.0, "action_repeat": 2},
    {"motor_kp": 2, "motor_kd": 0.1, "drift_weight": 0.5, "shake_weight": 0.2, "distance_limit": 0.05},
    {"observation_noise_stdev": 0.05, "self_collision_enabled": False},
    {"leg_model_enabled": False, "energy_weight": 0.01},
    {"motor_overheat_protection": False, "on_rack": True},
    {"torque_control_enabled": True, "leg_model_enabled": False},
    {"accurate_motor_model_enabled": False, "pd_control_enabled": True, "kd_for_pd_controllers": 0.2},
    {"accurate_motor_model_enabled": False, "motor_velocity_limit": 10.0},
]

Episode = tuple[NDArray[Any], list[float], list[bool]]


def play(environment: Any, seed: int, actions: NDArray[np.float32]) -> Episode:
    random.seed(seed)
    np.random.seed(seed)
    observations, rewards, ends = [environment.reset()], [], []
    for action in actions:
        observation, reward, done, _ = environment.step(action)
        observations.append(observation)
        rewards.append(float(reward))
        ends.append(bool(done))
        if done:
            break
    return np.array(observations), rewards, ends


def random_actions(seed: int) -> NDArray[np.float32]:
    """Return actions ``(STEPS, 8)``; every other seed's are steady, which drives the motors to their limits."""
    generator = np.random.default_rng(seed)
    actions = generator.uniform(-1, 1, (STEPS, 8)).astype(np.float32)
    return np.repeat(actions[:1], STEPS, axis=0) if seed % 2 else actions


def minitaur(**kwargs: Any) -> EnvironmentSpec:
    return EnvironmentSpec(id=MINITAUR, kwargs=kwargs, max_episode_steps=STEPS)


@pytest.fixture(params=range(len(KWARGS)), ids=lambda index: ", ".join(KWARGS[index]) or "defaults")
def pair(request: pytest.FixtureRequest) -> tuple[Any, Any]:
    """Give the original and ours, made alike."""
    kwargs = KWARGS[request.param]
    with silence():
        original = pybullet_envs()["bullet.minitaur_gym_env"].MinitaurBulletEnv(**kwargs)
    return original, Minitaur(connect(), **kwargs)


def test_the_minitaur_is_the_original_to_the_bit(pair: tuple[Any, Any]) -> None:
    original, ours = pair
    assert ours.observation_space == original.observation_space
    for seed in (1, 2):  # ten sets of kwargs: 20 episodes
        expected, got = (play(environment, seed, random_actions(seed)) for environment in (original, ours))
        np.testing.assert_array_equal(got[0], expected[0])
        assert got[1:] == expected[1:]


def test_an_overheated_motor_shuts_down_as_the_original_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pybullet_envs()["bullet.minitaur"], "OVERHEAT_SHUTDOWN_TIME", 0.03)  # of 1 second
    with silence():
        original = pybullet_envs()["bullet.minitaur_gym_env"].MinitaurBulletEnv()
    ours = Minitaur(connect())
    expected, got = (play(environment, 4, random_actions(4)) for environment in (original, ours))
    assert ours.minitaur._motor_enabled_list == original.minitaur._motor_enabled_list
    assert True in ours.minitaur._motor_enabled_list
    assert False in ours.minitaur._motor_enabled_list
    np.testing.assert_array_equal(got[0], expected[0])


def test_the_minitaur_is_the_sample_s() -> None:
    description = registry.describe(EnvironmentSpec(id=MINITAUR))
    assert description.engine == "pybullet"
    assert (description.observation_size, description.max_episode_steps) == (28, 1000)
    assert description.reward_threshold == 15
    assert description.actions == ContinuousActions(low=[-1.0] * 8, high=[1.0] * 8)


FRESH = """
import json, sys
from seedcast.services.worker.engine import run_unit
from seedcast.shared.spec.environment import EnvironmentSpec
from tests.units import numbers, unit
found = {}
for id_ in json.loads(sys.argv[1]):
    pybullet_lanes = __import__("seedcast.services.worker.environments.pybullet_lanes", fromlist=["_client"])
    pybullet_lanes._client.cache_clear()
    result = run_unit(unit(EnvironmentSpec(id=id_, max_episode_steps=30), [7], [2], collect_statistics=True))
    found[id_] = [numbers(result), result.observation_squares.tolist()]
print(json.dumps(found))
"""


def test_an_episode_on_a_used_simulation_is_that_of_a_fresh_process() -> None:
    ids = sorted(registry.ENGINES["pybullet"].available())
    command = [sys.executable, "-c", FRESH, json.dumps(ids)]
    fresh = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    for id_ in ids:
        environment = EnvironmentSpec(id=id_, max_episode_steps=STEPS)
        result = run_unit(unit(environment, [5, 6, 7], [0, 1, 2], collect_statistics=True))
        assert not result.failures
        assert result.observation_squares is not None
        here = [numbers(result)[2:], result.observation_squares[2:].tolist()]
        assert json.loads(json.dumps(here)) == fresh[id_], id_


def test_a_simulation_is_not_shared_between_specifications() -> None:
    hopper = EnvironmentSpec(id="HopperBulletEnv-v0", max_episode_steps=STEPS)
    before = numbers(run_unit(unit(hopper, [1])))
    run_unit(unit(minitaur(action_repeat=2), [1]))  # sets another time step
    assert numbers(run_unit(unit(hopper, [1]))) == before


def test_kwargs_matter() -> None:
    one, other = minitaur(), minitaur(action_repeat=2)
    assert numbers(run_unit(unit(one, [1]))) != numbers(run_unit(unit(other, [1])))


@pytest.mark.parametrize(
    ("kwargs", "reason"),
    [
        ({"no_such_option": 1}, "no_such_option is unknown; it takes action_repeat, distance_weight"),
        ({"urdf_root": "/etc"}, "urdf_root cannot be set here"),
        ({"render": True}, "render cannot be set here"),
        ({"env_randomizer": "os.system"}, "env_randomizer can only be null"),
        ({"motor_kp": "strong"}, "MinitaurBulletEnv-v0 cannot be made"),
    ],
)
def test_kwargs_that_make_no_sense_are_refused_by_name(kwargs: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        registry.describe(minitaur(**kwargs))


def test_importing_leaves_no_trace(capfd: pytest.CaptureFixture[str]) -> None:
    program = (
        "import sys; path = list(sys.path);"
        "from seedcast.services.worker.environments.registry import describe;"
        "from seedcast.shared.spec.environment import EnvironmentSpec;"
        f"describe(EnvironmentSpec(id={MINITAUR!r}));"
        "import gym.envs.registration as r; assert type(r.registry) is dict;"
        "assert 'pkg_resources' not in sys.modules; assert sys.path == path, sys.path"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
    assert capfd.readouterr() == ("", "")


def test_without_pybullet_the_engine_offers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pybullet_lanes, "find_spec", lambda _: None)
    assert registry.ENGINES["pybullet"].available() == frozenset()
