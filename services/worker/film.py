"""Films one episode as an MP4 file."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from contextlib import closing
from itertools import count
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from threadpoolctl import threadpool_limits

from seedcast.services.worker.engine.tally import Tally
from seedcast.services.worker.engine.window import Window
from seedcast.services.worker.environments.base import DrawnLanes, Picture
from seedcast.services.worker.environments.envpool_lanes import EnvPoolEngine
from seedcast.services.worker.environments.gymnasium_lanes import GymnasiumEngine
from seedcast.services.worker.environments.registry import describe, open_lanes
from seedcast.shared.errors import InvalidInput, SeedcastError
from seedcast.shared.protocol import Unit
from seedcast.shared.spec.environment import EnvironmentSpec
from seedcast.shared.spec.policy import build_policy

MOST_FRAMES_PER_SECOND = 61
"""About what a screen shows; PyBullet's locomotion tasks take 60.6 steps a second."""


class CannotFilm(SeedcastError):
    """The environment draws no pictures."""


def record(unit: Unit, path: Path, check: Callable[[], None] = lambda: None) -> float:
    """Film a unit of one rollout, at the speed of what it simulates, and return its return.

    The rollout engine runs it, so it is the very episode that `run_unit` runs. Only what EnvPool does not draw, or
    cannot here, is filmed in Gymnasium's version of the environment: the same task, but not the same bits.
    ``check`` is called before every step, and may raise to give it up.

    Raises:
        CannotFilm: the environment draws no pictures, or fails.
        InvalidInput: the file cannot be written.
    """
    spec = unit.header.rollouts.environment
    try:
        return _record(unit, _lanes(spec, unit.seeds.tolist()), path, check)
    except CannotFilm as error:
        raise CannotFilm(f"{spec.id} cannot be filmed: {error}") from error


def _record(unit: Unit, lanes: DrawnLanes, path: Path, check: Callable[[], None]) -> float:
    description = describe(unit.header.rollouts.environment)
    policy = build_policy(unit.header.rollouts.policy, description)
    tally = Tally(len(unit), None)
    # One thread, as in run_unit: a product split over several adds up in another order.
    with closing(lanes), closing(_film(lanes, path)) as film, threadpool_limits(1):

        def look() -> None:
            check()
            next(film)

        Window(unit, policy, description, lanes, tally, 0, len(unit)).run(look)
    result = tally.result(0)
    for failure in result.failures:
        raise CannotFilm(_first_line(failure.message))
    return float(result.returns[0])


def _lanes(spec: EnvironmentSpec, seeds: list[int]) -> DrawnLanes:
    reason = why_not_drawn(spec) if describe(spec).engine == EnvPoolEngine.name else None
    lanes = _gymnasiums(spec, seeds, reason) if reason else open_lanes(spec, seeds)
    lanes.film()
    return lanes


def why_not_drawn(spec: EnvironmentSpec) -> str | None:
    """Say why an environment cannot be drawn, by trying to; None where it can."""
    with closing(open_lanes(spec, [0])) as lanes:
        lanes.film()
        lanes.reset(np.zeros(1, np.int32))
        try:
            _frame(lanes)
        except CannotFilm as error:
            return str(error)
    return None


def _gymnasiums(spec: EnvironmentSpec, seeds: list[int], reason: str) -> DrawnLanes:
    description = describe(spec)
    changes = {"engine": GymnasiumEngine.name, "max_episode_steps": description.max_episode_steps}
    version = spec.model_copy(update=changes)
    try:
        return GymnasiumEngine().open_lanes(version, describe(version), seeds)
    except InvalidInput as error:
        second = "Gymnasium's version does not run here; is its package installed?"
        raise CannotFilm(f"{reason} ({description.engine}), and {second}") from error


def _film(lanes: DrawnLanes, path: Path) -> Generator[None, None, None]:
    """Look at the first lane at every ``next``, which comes before every step."""
    steps_per_second = lanes.steps_per_second(0)
    every = math.ceil(steps_per_second / MOST_FRAMES_PER_SECOND)
    height, width = _frame(lanes).shape[:2]
    try:
        path.touch()  # ffmpeg's own words would be many
        writer = imageio_ffmpeg.write_frames(
            str(path), (width, height), fps=steps_per_second / every, macro_block_size=2
        )
        with closing(writer):
            writer.send(None)
            for step in count():
                if step % every == 0:
                    writer.send(_frame(lanes))
                yield
    except OSError as error:
        raise InvalidInput.of("video", error.strerror or _first_line(str(error)), path) from error


def _frame(lanes: DrawnLanes) -> Picture:
    try:
        picture = lanes.picture(0)
    except Exception as error:  # whatever its drawing runs into
        raise CannotFilm(_first_line(f"{type(error).__name__}: {error}")) from error
    if picture is None:
        raise CannotFilm("it draws no pictures")
    height, width = picture.shape[0] // 2 * 2, picture.shape[1] // 2 * 2  # what H.264 can hold
    return np.ascontiguousarray(picture[:height, :width], np.uint8)


def _first_line(text: str) -> str:
    return text.partition("\n")[0]
