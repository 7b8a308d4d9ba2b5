"""Takes an experiment's events to a sink until it has ended, and goes on where it was interrupted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from seedcast.client import Client
from seedcast.services.master.experiments.schemas import Experiment
from seedcast.shared.errors import InvalidInput, NotFound, SeedcastError
from seedcast.shared.validation import one_line
from seedcast.shared.whole_file import whole_file

SINK = "sink"
"""What errors call a sink that cannot be opened."""


class Sink(Protocol):
    """Where figures go. Calls come in this order; `begin` comes again, for the same run, after an interruption."""

    def begin(self, experiment: Experiment) -> None:
        """Open the run that stands for an experiment, with its specification."""

    def write(self, generation: int, figures: Mapping[str, float], at: float) -> None:
        """Take what is known of a generation, or of the test after it; ``at`` is in seconds since 1970."""

    def end(self, experiment: Experiment | None) -> None:
        """Close it: the experiment has ended so, or, without one, tracking is interrupted."""


def follow(client: Client, experiment_id: str, sink: Sink, position: Path | None = None) -> Experiment:
    """Take all that there is, then what comes, until the experiment has ended; return it.

    The id of the last event taken is kept in the file ``position``, if one is given. What a sink got right before
    it was killed it may get twice.

    Raises:
        NotFound: there is no such experiment, or it was deleted meanwhile.
        InvalidInput: the sink cannot be opened.
    """
    experiment = client.experiment(experiment_id)
    after = position.read_text().strip() if position is not None and position.exists() else ""
    ended = None
    with opening():
        sink.begin(experiment)
    try:
        for event in client.events(experiment.id, after):
            if event.kind in ("generation", "test"):
                prefix = "test/" if event.kind == "test" else ""
                elapsed = float(event.data.get("elapsed_seconds", 0.0))
                sink.write(
                    event.data["generation"],
                    {prefix + name: value for name, value in numbers(event.data).items() if name != "generation"},
                    experiment.created_at.timestamp() + elapsed,
                )
                if position is not None:
                    _keep(position, event.id)
            elif event.kind == "status" and not event.data["active"]:
                ended = client.experiment(experiment.id)
                return ended
    finally:
        sink.end(ended)
    raise NotFound(f"{experiment.id} is deleted")


@contextmanager
def opening() -> Iterator[None]:
    """Say what a library raises while a sink is opened, such as that nobody is logged in, as what is wrong.

    Raises:
        InvalidInput: it raised; the field is `SINK`.
    """
    try:
        yield
    except SeedcastError:
        raise
    except Exception as error:
        raise InvalidInput.of(SINK, f"cannot be opened: {one_line(error)}") from error


def numbers(values: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers in nested values, by paths such as ``returns/mean``."""
    found: dict[str, float] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= {f"{name}/{inner}": number for inner, number in numbers(value).items()}
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found[name] = float(value)
    return found


def settings(values: Mapping[str, Any]) -> dict[str, str | float | int | bool]:
    """Return what a specification sets, by paths such as ``strategy.radius``."""
    found: dict[str, str | float | int | bool] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= {f"{name}.{inner}": one for inner, one in settings(value).items()}
        elif isinstance(value, str | float | int | bool):
            found[name] = value
        elif value is not None:
            found[name] = str(value)
    return found


def library(module: str, extra: str) -> ModuleType:
    """Import a tracker's own library.

    Raises:
        InvalidInput: it is not installed; the field is `SINK`.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise InvalidInput.of(SINK, f"needs the package {module}: pip install {extra}") from error


def _keep(position: Path, event_id: str) -> None:
    position.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(position) as file:
        file.write(event_id.encode())
