"""What EnvPool has beyond Gymnasium's ids: flattened, with every kind of action, or refused with the reason."""

from __future__ import annotations

from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from seedcast.services.worker.environments import envpool_families, envpool_lanes, registry
from seedcast.services.worker.environments.base import DEFAULT_MAX_EPISODE_STEPS
from seedcast.services.worker.environments.envpool_families import MYOSUITE, OFFERED, REFUSED, why_not
from seedcast.services.worker.environments.envpool_package import envpool, modules
from seedcast.services.worker.environments.envpool_spaces import flat, names_a_file
from seedcast.services.worker.environments.spaces import action_space, native_action
from seedcast.shared.errors import InvalidInput
from seedcast.shared.spec.environment import EnvironmentSpec, MultiDiscreteActions

pytestmark = pytest.mark.skipif(not modules(), reason="EnvPool has no wheel for this platform")


def test_every_environment_of_envpool_is_offered_or_refused_with_a_reason() -> None:
    engine = registry.ENVPOOL
    both = engine.available() & engine.refused().keys()
    assert not both
    assert modules().keys() == engine.available() | engine.refused().keys()
    with pytest.raises(InvalidInput, match=r"Gymnasium has given up; did you mean .*Ant-v5"):
        registry.describe(EnvironmentSpec(id="Ant-v3"))
    assert all(engine.refused().values())


def test_a_family_that_nobody_has_tried_is_refused_with_that_reason() -> None:
    assert why_not("Craftax-Symbolic-v1", "envpool.craftax") == envpool_families.UNKNOWN
    assert envpool_families.family("envpool.craftax") == "craftax"
    assert not OFFERED.keys() & REFUSED.keys()


def test_myosuite_is_refused_before_the_version_that_takes_its_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    for version, refused in (((1, 2, 5), True), ((1, 2, 6), False), ((1, 2, 10), False)):
        monkeypatch.setattr(envpool_families, "envpool_version", lambda version=version: version)
        assert (why_not("myoElbowPose1D6MRandom-v0", MYOSUITE) is not None) == refused
        assert why_not("myoElbowPose1D6MFixed-v0", MYOSUITE) is not None


def test_an_episode_whose_level_sets_its_limit_ends_there() -> None:
    spec = EnvironmentSpec(id="BabyAI-UnlockPickup-v0")
    assert registry.describe(spec).max_episode_steps == DEFAULT_MAX_EPISODE_STEPS
    assert turned(spec) == 72
    assert turned(spec.model_copy(update={"max_episode_steps": 30})) == 30


def turned(spec: EnvironmentSpec) -> int:
    """Turn left for ever, and return after how many steps the episode is cut off."""
    lane = np.zeros(1, np.int32)
    lanes = registry.open_lanes(spec, [3])
    lanes.reset(lane)
    for step in range(1, 1000):
        *_, terminated, truncated = lanes.step(lane, np.zeros(1, np.int64))
        assert not terminated
        if truncated:
            return step
    raise AssertionError("it does not end")


@pytest.mark.parametrize(
    ("id_", "size"),
    [("FetchReach-v4", 16), ("MiniGrid-Empty-5x5-v0", 244), ("CartpoleBalance-v1", 5), ("Catch-v0", 50)],
)
def test_observations_of_several_arrays_are_one_vector(id_: str, size: int) -> None:
    assert registry.describe(EnvironmentSpec(id=id_)).observation_size == size


def test_arrays_are_flattened_side_by_side_as_floats() -> None:
    grid, flag = np.arange(8, dtype=np.uint8).reshape(2, 2, 2), np.array([True, False])
    assert flat([grid, flag]).tolist() == [[0, 1, 2, 3, 1], [4, 5, 6, 7, 0]]


def test_several_choices_are_multi_discrete() -> None:
    actions = registry.describe(EnvironmentSpec(id="Minesweeper-v0")).actions
    assert actions == MultiDiscreteActions(counts=[10, 10])


@pytest.mark.parametrize(
    ("id_", "reason"),
    [
        ("Adventure-v5", "observes images, which no policy here takes"),
        ("BigfishEasy-v0", "observes images, which no policy here takes"),
        ("Go9x9-v1", "is a game of several players"),
        ("BinPack-v2", "does not take its seed in EnvPool: every reset is the same"),
    ],
)
def test_what_is_not_offered_is_refused_with_the_reason(id_: str, reason: str) -> None:
    assert id_ not in registry.available()
    with pytest.raises(InvalidInput, match=f"environment.id: {reason}"):
        registry.describe(EnvironmentSpec(id=id_))


def test_images_are_refused_where_the_family_has_others() -> None:
    with pytest.raises(InvalidInput, match=r"observes images|not an environment"):
        registry.describe(EnvironmentSpec(id="CarRacing-v3", engine="envpool"))


@pytest.mark.parametrize("engine", ["envpool", "auto"])
@pytest.mark.parametrize(
    ("id_", "name"), [("Ant-v5", "xml_file"), ("FetchReach-v4", "xml_file"), ("Ant-v5", "base_path")]
)
def test_no_setting_of_envpool_that_names_a_file_can_be_set(id_: str, name: str, engine: str) -> None:
    spec = EnvironmentSpec.model_validate({"id": id_, "engine": engine, "kwargs": {name: "/etc/passwd"}})
    with pytest.raises(InvalidInput, match=f"environment.kwargs: {name} cannot be set here"):
        registry.describe(spec)


@pytest.mark.parametrize(("id_", "name"), [("MiniGrid-Empty-5x5-v0", "env_name"), ("CheetahRun-v1", "task_name")])
def test_no_setting_makes_one_environment_another(id_: str, name: str) -> None:
    with pytest.raises(InvalidInput, match=f"environment.kwargs: {name} cannot be set here"):
        registry.describe(EnvironmentSpec(id=id_, kwargs={name: "no-such-thing"}))


def test_settings_that_name_files_are_told_by_name_or_default() -> None:
    assert names_a_file("iwad_path", "")
    assert names_a_file("model", "assets/ant.xml")
    assert not names_a_file("ctrl_cost_weight", 0.5)
    assert not names_a_file("profile", "fast")


@pytest.mark.parametrize(
    ("space", "counts"),
    [
        (spaces.MultiDiscrete([2, 3]), [2, 3]),
        (spaces.MultiDiscrete(np.array([[2, 3], [4, 5]])), [2, 3, 4, 5]),
        (spaces.MultiDiscrete([2, 3], start=[5, 6]), [2, 3]),
        (spaces.MultiBinary(3), [2, 2, 2]),
        (spaces.MultiBinary((2, 2)), [2, 2, 2, 2]),
    ],
)
def test_choices_of_every_shape_become_members_of_their_space(
    space: spaces.Space[object], counts: list[int]
) -> None:
    actions = action_space(space)
    assert actions == MultiDiscreteActions(counts=counts)
    for choices in (np.zeros(len(counts), np.int64), np.array(counts) - 1):
        assert native_action(space, choices) in space


def test_a_package_s_environment_is_not_taken_over_by_one_of_envpool_s() -> None:
    gymnasium.register("Snake-v1", "seedcast_test_environments.faulty:Faulty")
    envpool_lanes._available.cache_clear()
    try:
        assert "Snake-v1" not in registry.ENGINES["envpool"].available()
    finally:
        del gymnasium.registry["Snake-v1"]
        envpool_lanes._available.cache_clear()
    assert "Snake-v1" in registry.ENGINES["envpool"].available()


def test_nor_is_one_that_a_package_names_without_registering_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "snakes-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: snakes\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text("[seedcast.environments]\nSnake-v1 = snakes:Snake\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert registry.ENGINES["envpool"].available() - envpool_lanes._available.__wrapped__() == {"Snake-v1"}


def test_what_draws_for_envpool_is_there_when_it_is_asked_to() -> None:
    pool = envpool().make("Snake-v1", env_type="gymnasium", num_envs=1, seed=3, render_mode="rgb_array")
    pool.reset()
    assert np.ptp(pool.render()) > 0


def test_gymnasium_s_own_environments_take_no_files_either() -> None:
    spec = EnvironmentSpec(id="CartPole-v1", engine="gymnasium", kwargs={"xml_file": "/etc/passwd"})
    with pytest.raises(InvalidInput, match="xml_file cannot be set here"):
        registry.describe(spec)
