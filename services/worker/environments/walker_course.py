"""BipedalWalkerHardcore over courses of one's own choice: how high, how wide, how often.

Hardcore's stumps have one of two heights, and who clears the lower one mostly falls over the other. Here heights
lie anywhere in a range, so that one that is a little higher can be learnt next (as on POET's courses: Wang et al.
2019, arXiv:1901.01753). Spaces, physics and end are Gymnasium's to the bit, and so is the reward but for being
added up in double precision, with half of its Python (``tests/worker/environments/test_walker_course.py`` holds
the two side by side). Episodes draw from nothing but their own generator, so that several can be live at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
from gymnasium.envs.box2d import bipedal_walker as original
from gymnasium.utils import EzPickle
from numpy.typing import NDArray

TILE = original.TERRAIN_STEP
"""The unit of lengths here: 0.47 m, of a course of 200."""

Corners = list[tuple[float, float]]
Colour = tuple[int, int, int]

PIT_DEPTH = 4
STAIR_LENGTH = 4
"""Tiles, as in Hardcore; its stairs have three or four steps of one tile each, up or down."""

_GOAL = (original.TERRAIN_LENGTH - original.TERRAIN_GRASS) * TILE
_RAYS = [
    (math.sin(1.5 * i / 10.0) * original.LIDAR_RANGE, math.cos(1.5 * i / 10.0) * original.LIDAR_RANGE)
    for i in range(10)
]
_SPEEDS = (original.SPEED_HIP, original.SPEED_KNEE) * 2


class BipedalWalkerCourse(original.BipedalWalker):
    """Grass with obstacles, each a stump, stairs or a pit.

    Args:
        stumps, stairs, pits: how often an obstacle is of this kind, beside the other two.
        stump_sizes: the least and the greatest height of a stump, which is as wide as high, in tiles: uniform.
        pit_widths: the least and the greatest width of a pit between its walls, in tiles: whole numbers.
        spacing: the fewest and the most tiles of grass after an obstacle.
        render_mode: as Gymnasium has it.

    Raises:
        ValueError: a range is none, or no kind of obstacle is left.
    """

    side_by_side: ClassVar[int] = 8
    """Of so many worlds what a step needs fits into a core's cache."""

    def __init__(
        self,
        stumps: float = 1,
        stairs: float = 1,
        pits: float = 1,
        stump_sizes: Sequence[float] = (1, 2),
        pit_widths: Sequence[int] = (2, 3),
        spacing: Sequence[int] = (5, 9),
        render_mode: str | None = None,
    ) -> None:
        weights = stumps, stairs, pits
        if not all(_is(one, int, float) and 0 <= one < 1e6 for one in weights) or not any(weights):
            raise ValueError("stumps, stairs and pits are how often each comes: numbers from 0, not all of them 0")
        _check_range("stump_sizes", stump_sizes, 0.1, 4)
        _check_range("pit_widths", pit_widths, 1, 20, whole=True)
        _check_range("spacing", spacing, 1, 100, whole=True)
        super().__init__(render_mode=render_mode, hardcore=True)
        EzPickle.__init__(self, stumps, stairs, pits, stump_sizes, pit_widths, spacing, render_mode)
        self._stump_until, self._stairs_until = stumps / sum(weights), (stumps + stairs) / sum(weights)
        self._stump_sizes = stump_sizes[0], stump_sizes[1]
        self._pit_widths, self._spacing = (pit_widths[0], pit_widths[1] + 1), (spacing[0], spacing[1] + 1)

    def step(self, action: NDArray[Any]) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Take a step: every operation is the original's, and in its order."""
        hull: Any = self.hull  # Box2D has no types
        joints, legs = self.joints, self.legs
        strengths = []
        for joint, speed, wanted in zip(joints, _SPEEDS, np.asarray(action).tolist(), strict=True):
            strength = min(abs(wanted), 1.0)
            joint.motorSpeed = float(speed * ((wanted > 0) - (wanted < 0)))
            joint.maxMotorTorque = float(original.MOTORS_TORQUE * strength)
            strengths.append(strength)
        world = self.world
        world.Step(1.0 / original.FPS, 6 * 30, 2 * 30)
        position, velocity, angle = hull.position, hull.linearVelocity, hull.angle
        x, y = position
        state = [
            angle,
            2.0 * hull.angularVelocity / original.FPS,
            0.3 * velocity.x * (original.VIEWPORT_W / original.SCALE) / original.FPS,
            0.3 * velocity.y * (original.VIEWPORT_H / original.SCALE) / original.FPS,
        ]
        for hip, knee, foot in ((joints[0], joints[1], legs[1]), (joints[2], joints[3], legs[3])):
            state += [
                hip.angle,
                hip.speed / original.SPEED_HIP,
                knee.angle + 1.0,
                knee.speed / original.SPEED_KNEE,
            ]
            state.append(1.0 if foot.ground_contact else 0.0)
        for ray, (ahead, down) in zip(self.lidar, _RAYS, strict=True):
            ray.fraction, ray.p1, ray.p2 = 1.0, position, (x + ahead, y - down)
            world.RayCast(ray, position, ray.p2)
            state.append(ray.fraction)
        self.scroll = x - original.VIEWPORT_W / original.SCALE / 5
        shaping = 130 * x / original.SCALE
        shaping -= 5.0 * abs(angle)
        reward = 0.0 if self.prev_shaping is None else shaping - self.prev_shaping
        self.prev_shaping = shaping
        for strength in strengths:
            reward -= 0.00035 * original.MOTORS_TORQUE * strength
        fell = self.game_over or x < 0
        if self.render_mode == "human":
            self.render()  # type: ignore[no-untyped-call]
        return np.array(state, np.float32), -100.0 if fell else reward, fell or x > _GOAL, False, {}

    def _generate_terrain(self, hardcore: bool) -> None:  # noqa: ARG002 - the original's signature
        course = _Course(self.np_random)
        course.grass(original.TERRAIN_STARTPAD)
        while len(course.heights) < original.TERRAIN_LENGTH:
            kind = self.np_random.random()
            if kind < self._stump_until:
                course.stump(float(self.np_random.uniform(*self._stump_sizes)))
            elif kind < self._stairs_until:
                course.stairs(1 if self.np_random.random() > 0.5 else -1, int(self.np_random.integers(3, 5)))
            else:
                course.pit(int(self.np_random.integers(*self._pit_widths)))
            course.grass(int(self.np_random.integers(*self._spacing)))
        self._build(course.boxes, course.heights[: original.TERRAIN_LENGTH])

    def _build(self, boxes: list[Corners], heights: list[float]) -> None:
        # A body for each, as Gymnasium has it: Box2D comes to other bits where they share one.
        self.terrain = []
        for corners in boxes:
            self.fd_polygon.shape.vertices = corners
            self._add(self.fd_polygon, (255, 255, 255), (153, 153, 153))
        points = [(i * TILE, height) for i, height in enumerate(heights)]
        self.terrain_x, self.terrain_y = [x for x, _ in points], heights
        self.terrain_poly = []
        for i, (left, right) in enumerate(pairwise(points)):
            self.fd_edge.shape.vertices = [left, right]
            green = (76, 204 if i % 2 else 255, 76)
            self._add(self.fd_edge, green, green)
            self.terrain_poly.append(([left, right, (right[0], 0), (left[0], 0)], (102, 153, 76)))
        self.terrain.reverse()  # what is drawn last covers the rest

    def _add(self, fixture: Any, inside: Colour, outline: Colour) -> None:  # noqa: ANN401 - Box2D has no types
        body = self.world.CreateStaticBody(fixtures=fixture)
        body.color1, body.color2 = inside, outline
        self.terrain.append(body)


class _Course:
    """A course that grows to the right as Hardcore's does: the ground's height at every tile, and boxes."""

    def __init__(self, generator: np.random.Generator) -> None:
        self.heights: list[float] = []
        self.boxes: list[Corners] = []
        self._generator = generator
        self._height = original.TERRAIN_HEIGHT
        self._slope = 0.0

    def grass(self, tiles: int) -> None:
        """Go up and down by little; after an obstacle the first tile is flat."""
        if self.heights:
            self.heights.append(self._height)
            tiles -= 1
        for _ in range(tiles):
            self._slope = 0.8 * self._slope + 0.01 * float(np.sign(original.TERRAIN_HEIGHT - self._height))
            if len(self.heights) > original.TERRAIN_STARTPAD:
                self._slope += self._generator.uniform(-1, 1) / original.SCALE
            self._height += self._slope
            self.heights.append(self._height)

    def stump(self, size: float) -> None:
        """Put a square of ``size`` tiles in the way."""
        self._box(0, size, self._height, self._height + size * TILE)
        self.heights += [self._height] * math.ceil(size)

    def stairs(self, direction: int, steps: int) -> None:
        """Go up (1) or down (-1)."""
        base, tiles = self._height, steps * STAIR_LENGTH
        for step in range(steps):
            top = base + step * direction * TILE
            self._box(step * STAIR_LENGTH, STAIR_LENGTH, top - TILE, top)
        self.heights.append(base)
        for done in range(1, tiles):
            self._height = base + (done - direction) / STAIR_LENGTH * direction * TILE
            self.heights.append(self._height)

    def pit(self, width: int) -> None:
        """Leave a gap of ``width`` tiles between two walls."""
        bottom = self._height - PIT_DEPTH * TILE
        self._box(0, 1, bottom, self._height)
        self._box(1 + width, 1, bottom, self._height)
        self.heights += [self._height, *[bottom] * (1 + width), self._height]

    def _box(self, ahead: float, width: float, bottom: float, top: float) -> None:
        left = (len(self.heights) + ahead) * TILE
        right = left + width * TILE
        self.boxes.append([(left, bottom), (right, bottom), (right, top), (left, top)])


def _check_range(name: str, given: Sequence[float], least: float, most: float, *, whole: bool = False) -> None:
    kinds = (int,) if whole else (int, float)
    two = isinstance(given, list | tuple) and len(given) == 2 and all(_is(one, *kinds) for one in given)
    if not two or not least <= given[0] <= given[1] <= most:
        numbers = "whole numbers" if whole else "numbers"
        raise ValueError(f"{name}: wants two {numbers}, the least and the greatest, from {least:g} to {most:g}")


def _is(given: object, *kinds: type) -> bool:
    return isinstance(given, kinds) and not isinstance(given, bool)
