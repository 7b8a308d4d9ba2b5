"""`seedcast test`: replays a saved model, without master or worker."""

from __future__ import annotations

import json as json_module
import math
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from seedcast.cli.options import AsJson
from seedcast.cli.words import counted
from seedcast.shared.errors import InvalidInput, SeedcastError
from seedcast.shared.model import Model
from seedcast.shared.protocol import Unit, UnitHeader
from seedcast.shared.seeding import Purpose, episode_seeds

EPISODES_AT_ONCE = 20
"""Between two steps of the progress bar."""

LogDir = Annotated[Path, typer.Option("--logdir", help="An experiment's folder of artifacts.")]
ModelName = Annotated[str, typer.Option("--model", help="Which model in it.")]
Episodes = Annotated[int, typer.Option(min=1, max=1_000_000)]
Seed = Annotated[int, typer.Option(min=0, help="Other seeds, other episodes.")]


def _a_finite_number(value: float | None) -> float | None:
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter("must be a finite number")
    return value


Success = Annotated[
    float | None,
    typer.Option(
        help="The return that counts as success. Default: the environment's own threshold.",
        callback=_a_finite_number,
    ),
]
Video = Annotated[Path | None, typer.Option(help="Film the first episode: an MP4 file.")]


class ReplayFailed(SeedcastError):
    """The environment failed during the replay."""


def replay(
    logdir: LogDir,
    model: ModelName = "best_model.npz",
    episodes: Episodes = 100,
    seed: Seed = 0,
    success: Success = None,
    video: Video = None,
    json: AsJson = False,
) -> None:
    """Replay a saved model and print what it scores: plain returns on episodes that training never saw."""
    if video is not None and video.suffix != ".mp4":
        raise InvalidInput.of("--video", "must end in .mp4", video)
    loaded = Model.load(logdir / model)
    returns = returns_of(loaded, seed, episodes)
    report(loaded, model, returns, seed, success, json)
    if video is not None:
        with Console(stderr=True).status("filming"):
            score = film(loaded, seed, video, "--video")
        tested = "" if score == returns[0] else f", where the test had {returns[0]:.2f}"
        typer.echo(err=json, message=f"{video}: the first episode, return {score:.2f}{tested}")


def returns_of(model: Model, seed: int, episodes: int) -> NDArray[np.float64]:
    """Return the plain returns ``(episodes,)`` on episodes that training never saw.

    Raises:
        ReplayFailed: the environment failed.
    """
    return _replay(model, _seeds(seed, episodes))


def film(model: Model, seed: int, path: Path, argument: str = "FILE.mp4") -> float:
    """Film the first of the episodes that `returns_of` plays, and return its return; ``argument`` named the file.

    Raises:
        InvalidInput: the file is no .mp4, or cannot be written.
        CannotFilm: the environment draws no pictures, or fails.
    """
    if path.suffix != ".mp4":
        raise InvalidInput.of(argument, "must end in .mp4", path)
    from seedcast.services.worker.film import record  # rendering pulls in much that a test does not need

    try:
        return record(_unit(model, _seeds(seed, 1)), path)
    except InvalidInput as error:
        raise InvalidInput([replace(one, field=argument) for one in error.errors]) from error


def report(
    model: Model, name: str, returns: NDArray[np.float64], seed: int, success: float | None, as_json: bool = False
) -> None:
    """Print what a model scored; ``success`` is the return that counts as such, else the environment's own."""
    threshold = success if success is not None else model.metadata.spaces.reward_threshold
    rate = None if threshold is None else float((returns >= threshold).mean())
    if as_json:
        figures = {"mean": returns.mean(), "std": returns.std(), "min": returns.min(), "max": returns.max()}
        answer = {"environment": model.metadata.task_id, "episodes": len(returns), "seed": seed, **figures}
        typer.echo(json_module.dumps(answer | {"success_rate": rate, "returns": returns.tolist()}, indent=2))
        return
    typer.echo(
        f"{model.metadata.task_id}, {name} of generation {model.metadata.generation}, "
        f"{counted(len(returns), 'episode')}, seed {seed}"
    )
    typer.echo(
        f"mean {returns.mean():.2f}  std {returns.std():.2f}  min {returns.min():.2f}  max {returns.max():.2f}"
    )
    if rate is not None:
        typer.echo(f"success rate {rate:.0%} (return of at least {threshold:g})")


def _seeds(seed: int, episodes: int) -> NDArray[np.int32]:
    seeds: NDArray[np.int32] = episode_seeds(seed, Purpose.TEST_EPISODES, 0, 1, episodes)[0]
    return seeds


def _replay(model: Model, seeds: NDArray[np.int32]) -> NDArray[np.float64]:
    """Return the plain returns ``(episodes,)``."""
    try:
        from seedcast.services.worker.engine.rollout import run_unit  # late: without an engine all else works
    except ImportError as error:
        raise ReplayFailed(f"no engine is installed here ({error}): pip install 'seedcast[worker]'") from error
    returns: list[NDArray[np.float64]] = []
    console = Console(stderr=True)
    starts = range(0, len(seeds), EPISODES_AT_ONCE)
    for start in track(starts, "episodes", transient=True, console=console, disable=not console.is_terminal):
        result = run_unit(_unit(model, seeds[start : start + EPISODES_AT_ONCE]))
        for failure in result.failures:
            raise ReplayFailed(f"the environment failed: {failure.kind}: {failure.message}")
        returns.append(result.returns)
    return np.concatenate(returns)


def _unit(model: Model, seeds: NDArray[np.int32]) -> Unit:
    policy = model.metadata.rollouts.policy.model_copy(update={"action_noise": 0.0})  # as in the master's tests
    header = UnitHeader(environment=model.metadata.environment, policy=policy)
    return Unit(header, model.parameters[None, :], np.zeros(len(seeds), np.int32), seeds, model.normaliser)
