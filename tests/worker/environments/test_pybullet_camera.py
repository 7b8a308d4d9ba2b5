"""The camera in PyBullet's simulations: it disturbs nothing, and the robot is in the picture."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("pybullet")

from seedcast.services.worker.environments.base import Observations
from seedcast.services.worker.environments.gymnasium_lanes import GymnasiumLanes
from seedcast.services.worker.environments.pybullet_camera import HEIGHT, WIDTH
from seedcast.services.worker.environments.registry import ENGINES, describe, open_lanes
from seedcast.shared.spec.environment import EnvironmentSpec

MAGENTA = (1, 0, 1, 1)
IDS = sorted(ENGINES["pybullet"].available())
LANE = np.zeros(1, np.int32)


def lanes(id_: str, **kwargs: Any) -> GymnasiumLanes:
    opened = open_lanes(EnvironmentSpec(id=id_, kwargs=kwargs), [7])
    assert isinstance(opened, GymnasiumLanes)
    return opened


def steps(of: GymnasiumLanes, id_: str, count: int = 4) -> Iterator[Observations]:
    """Start the episode and take steps at random, always the same."""
    yield of.reset(LANE)
    width = len(describe(EnvironmentSpec(id=id_)).actions.low)  # type: ignore[union-attr]
    for action in np.random.default_rng(1).uniform(-1, 1, (count, 1, width)).astype(np.float32):
        yield of.step(LANE, action)[0]


@pytest.mark.parametrize("id_", IDS)
def test_looking_changes_nothing(id_: str) -> None:
    with closing(lanes(id_)) as unseen:
        expected = list(steps(unseen, id_))
    with closing(lanes(id_)) as seen:
        got = [(observation, seen.picture(0))[0] for observation in steps(seen, id_)]
    np.testing.assert_array_equal(got, expected)


def painted(of: GymnasiumLanes) -> NDArray[np.bool_]:
    """Say of each pixel whether it shows the robot, by painting it magenta, which nothing else is."""
    client = of._live[0]._client  # type: ignore[attr-defined]
    robot = max(range(client.getNumBodies()), key=client.getNumJoints)
    for link in range(-1, client.getNumJoints(robot)):
        client.changeVisualShape(robot, link, textureUniqueId=-1, rgbaColor=MAGENTA)
    picture = of.picture(0)
    assert picture is not None
    red, green, blue = np.moveaxis(picture.astype(int), 2, 0)
    return np.asarray((red > 2 * green) & (blue > 2 * green))


def middle(shown: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the middle of a box around the pixels: 0 is the picture's left or top, 1 its right or bottom."""
    places = np.argwhere(shown)[:, ::-1]
    return np.asarray((places.min(axis=0) + places.max(axis=0)) / 2 / (WIDTH, HEIGHT))


@pytest.mark.parametrize("id_", IDS)
def test_the_robot_is_in_the_middle_of_the_picture_and_of_a_good_size(id_: str) -> None:
    with closing(lanes(id_)) as opened:
        for _ in steps(opened, id_):
            pass
        shown = painted(opened)
    assert 0.005 < shown.mean() < 0.3
    assert not shown[[0, -1]].any()
    assert not shown[:, [0, -1]].any()
    np.testing.assert_allclose(middle(shown), 0.5, atol=0.2)


def test_a_picture_is_in_colour() -> None:
    with closing(lanes("AntBulletEnv-v0")) as opened:
        opened.reset(LANE)
        picture = opened.picture(0)
    assert picture is not None
    assert picture.shape == (HEIGHT, WIDTH, 3)
    assert picture.dtype == np.uint8
    torso, sky, floor = picture[HEIGHT // 2 - 20, WIDTH // 2], picture[0, 0], picture[-1:].reshape(-1, 3)
    assert torso.argmax() == 1  # green
    assert sky.min() > 200
    assert (floor.argmax(axis=1) == 2).mean() > 0.1  # the blue tiles


@pytest.mark.parametrize("id_", ["MinitaurBulletEnv-v0", "AntBulletEnv-v0"])
def test_the_camera_goes_where_the_robot_goes(id_: str) -> None:
    with closing(lanes(id_)) as opened:
        opened.reset(LANE)
        before = middle(painted(opened))
        client = opened._live[0]._client  # type: ignore[attr-defined]
        robot = max(range(client.getNumBodies()), key=client.getNumJoints)
        position, orientation = client.getBasePositionAndOrientation(robot)
        client.resetBasePositionAndOrientation(robot, np.add(position, [20, 5, 0]), orientation)
        opened.step(LANE, np.zeros((1, 8), np.float32))
        np.testing.assert_allclose(middle(painted(opened)), before, atol=0.05)


@pytest.mark.parametrize(
    ("id_", "kwargs", "expected"),
    [
        ("MinitaurBulletEnv-v0", {}, 100),
        ("MinitaurBulletEnv-v0", {"action_repeat": 4}, 25),
        ("Walker2DBulletEnv-v0", {}, 1 / 0.0165),
        ("InvertedPendulumBulletEnv-v0", {}, 1 / 0.0165),
    ],
)
def test_the_simulation_says_how_many_steps_make_a_second(
    id_: str, kwargs: dict[str, Any], expected: float
) -> None:
    with closing(lanes(id_, **kwargs)) as opened:
        opened.reset(LANE)
        assert opened.steps_per_second(0) == pytest.approx(expected)
