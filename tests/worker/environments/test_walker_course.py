"""Courses for the walker: Gymnasium's physics to the bit, and obstacles as they are asked for."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from gymnasium.envs.box2d.bipedal_walker import BipedalWalker

from seedcast.services.worker.environments.registry import describe, open_lanes
from seedcast.services.worker.environments.walker_course import TILE, BipedalWalkerCourse
from seedcast.shared.errors import InvalidInput
from seedcast.shared.spec.environment import EnvironmentSpec

ID = "BipedalWalkerCourse-v0"


class Unhurried(BipedalWalkerCourse):
    """The same courses, with Gymnasium's own step."""

    def step(self, action: np.ndarray[Any, Any]) -> Any:
        return BipedalWalker.step(self, action)


@pytest.mark.parametrize("kind", ["stumps", "stairs", "pits"])
def test_a_step_is_gymnasiums_to_the_bit(kind: str) -> None:
    only: dict[str, Any] = {"stumps": 0.0, "stairs": 0.0, "pits": 0.0} | {kind: 1.0}
    ours, theirs = BipedalWalkerCourse(**only), Unhurried(**only)
    ended = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        kind_of_number = np.float64 if seed % 2 else np.float32
        np.testing.assert_array_equal(ours.reset(seed=seed)[0], theirs.reset(seed=seed)[0])
        for step in range(400):
            # Beyond the bounds, too, and now and then exactly nothing.
            action = (rng.uniform(-1.5, 1.5, 4) * (rng.random(4) > 0.05)).astype(kind_of_number)
            one, other = ours.step(action), theirs.step(action)
            np.testing.assert_array_equal(one[0], other[0], err_msg=f"{seed}, {step}")
            assert one[1] == other[1] if seed % 2 else one[1] == pytest.approx(other[1], rel=1e-5, abs=1e-6)
            assert one[2:4] == other[2:4]
            assert ours.scroll == theirs.scroll
            if one[2]:
                ended += 1
                break
    assert ended


class OnHardcore(BipedalWalkerCourse):
    """Gymnasium's own courses, with our step."""

    def _generate_terrain(self, hardcore: bool) -> None:
        BipedalWalker._generate_terrain(self, hardcore)  # type: ignore[no-untyped-call]


def test_hardcore_itself_is_walked_to_the_bit() -> None:
    ours, theirs = OnHardcore(), BipedalWalker(hardcore=True)
    for seed in range(6):
        rng = np.random.default_rng(seed)
        np.testing.assert_array_equal(ours.reset(seed=seed)[0], theirs.reset(seed=seed)[0])
        for _ in range(300):
            action = rng.uniform(-1, 1, 4)
            one, other = ours.step(action), theirs.step(action)
            np.testing.assert_array_equal(one[0], other[0])
            assert one[1:3] == other[1:3]
            if one[2]:
                break


def test_a_copy_has_the_same_courses() -> None:
    made = BipedalWalkerCourse(stairs=0, stump_sizes=[0.5, 0.6])
    copied = copy.deepcopy(made)
    assert np.array_equal(made.reset(seed=3)[0], copied.reset(seed=3)[0])
    assert made.terrain_y == copied.terrain_y


def courses(**kwargs: Any) -> list[BipedalWalkerCourse]:
    made = [BipedalWalkerCourse(**kwargs) for _ in range(20)]
    for seed, course in enumerate(made):
        course.reset(seed=seed)
    return made


def boxes(course: BipedalWalkerCourse) -> list[np.ndarray[Any, Any]]:
    """Return the corners ``(4, 2)`` of each box in tiles."""
    shapes = [body.fixtures[0].shape for body in course.terrain[::-1]]
    return [np.array(shape.vertices) / TILE for shape in shapes if len(shape.vertices) == 4]


def test_stumps_have_the_sizes_asked_for() -> None:
    sizes = [
        np.ptp(box, axis=0) for one in courses(stairs=0, pits=0, stump_sizes=[0.5, 1.5]) for box in boxes(one)
    ]
    np.testing.assert_allclose([size[0] for size in sizes], [size[1] for size in sizes], rtol=1e-4)
    heights = np.array([size[1] for size in sizes])
    assert 0.5 <= heights.min() < 0.55 < 1.45 < heights.max() <= 1.5001


def test_pits_have_the_widths_asked_for_and_grass_between() -> None:
    openings, gaps = set[int](), set[int]()
    for course in courses(stumps=0, stairs=0, pit_widths=[1, 4], spacing=[3, 4]):
        walls = sorted(box[:, 0].min() for box in boxes(course))
        openings |= set(np.round(np.diff(walls)[::2] - 1).astype(int).tolist())
        depths = np.array(course.terrain_y) < min(course.terrain_y[:20]) - 3 * TILE
        edges = np.flatnonzero(np.diff(depths.astype(int)))
        gaps |= set(np.diff(edges)[1::2].tolist())
    assert openings == {1, 2, 3, 4}
    assert gaps == {5, 6}  # a pit's two walls are of ground


def test_kinds_come_as_often_as_asked_for() -> None:
    made = courses(stumps=3, stairs=0, pits=1)
    tall = [np.ptp(box[:, 1]) for one in made for box in boxes(one)]
    walls = sum(height > 3.9 for height in tall)
    stumps = len(tall) - walls
    assert stumps / (stumps + walls / 2) == pytest.approx(0.75, abs=0.05)


def test_a_course_is_as_long_as_hardcores_and_ends_where_it_does() -> None:
    course = courses()[0]
    assert len(course.terrain_x) == len(course.terrain_y) == 200
    assert len(course.terrain) == 199 + len(boxes(course))


@pytest.mark.parametrize(
    ("kwargs", "reason"),
    [
        ({"stumps": 0, "stairs": 0, "pits": 0}, "how often each comes"),
        ({"pits": -1}, "how often each comes"),
        ({"stump_sizes": [2, 1]}, "stump_sizes: wants two numbers, the least and the greatest, from 0.1 to 4"),
        ({"stump_sizes": 2}, "stump_sizes: wants two numbers"),
        ({"pit_widths": [3, 4.5]}, "pit_widths: wants two whole numbers"),
        ({"spacing": [True, 5]}, "spacing: wants two whole numbers"),
        ({"stumps": "many"}, "how often each comes"),
        ({"stumps": True}, "how often each comes"),
    ],
)
def test_courses_that_cannot_be_are_refused(kwargs: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        describe(EnvironmentSpec(id=ID, kwargs=kwargs))
    assert caught.value.errors[0].field == "environment.kwargs"
    assert reason in caught.value.errors[0].reason


def test_a_policy_of_hardcore_fits() -> None:
    ours, theirs = describe(EnvironmentSpec(id=ID)), describe(EnvironmentSpec(id="BipedalWalkerHardcore-v3"))
    same = {"observation_size", "actions", "max_episode_steps"}
    assert ours.model_dump(include=same) == theirs.model_dump(include=same)


def test_several_episodes_are_live_at_once_and_draw_themselves() -> None:
    lanes = open_lanes(EnvironmentSpec(id=ID), [1, 2, 3])
    assert lanes.width > 1
    lanes.film()
    lanes.reset(np.arange(3, dtype=np.int32))
    pictures = [lanes.picture(lane) for lane in range(3)]
    assert all(picture is not None and picture.shape == (400, 600, 3) for picture in pictures)
    lanes.close()
