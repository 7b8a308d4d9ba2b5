"""Learning with perturbations of low rank against full noise: returns over environment steps, seed by seed.

The preset of low rank, and the same with full noise, each with several seeds, as the master runs them but in one
process and on one core. All searches advance in turn, so that wherever it is stopped all have had as many
steps. What they came to is written after every turn; a file of results that is there is only shown::

    python -m benchmarks.low_rank_learning --results results.json --figure docs/low-rank.svg
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import yaml
from threadpoolctl import threadpool_limits

from seedcast.services.master.dispatch.batch import Batch, BatchResult
from seedcast.services.master.evolution.batches import test_batch, training_batch
from seedcast.services.master.evolution.state import Evolution
from seedcast.services.worker.engine import run_unit
from seedcast.services.worker.environments.registry import describe
from seedcast.services.worker.slots.variables import slot_environment
from seedcast.shared.spec.experiment import ExperimentSpec

Kind = Literal["full", "low_rank"]
KINDS: tuple[Kind, Kind] = ("full", "low_rank")
COLOURS = {"full": "#8a6d3b", "low_rank": "#1f77b4"}
PRESET = Path("configs/half_cheetah_low_rank.yaml")

Points = list[tuple[int, float]]
"""Training steps so far, and the mean return of the test after them."""


@dataclass(frozen=True)
class Search:
    """One of the runs that are compared."""

    kind: Kind
    seed: int

    @property
    def name(self) -> str:
        """Its key among the results."""
        return f"{self.kind} {self.seed}"

    def spec(self, preset: Path) -> ExperimentSpec:
        """Return the preset with this kind of perturbations and this seed."""
        values = yaml.safe_load(preset.read_text())
        values["strategy"]["perturbations"]["kind"] = self.kind
        return ExperimentSpec.model_validate(values | {"seed": self.seed})

    def points(self, preset: Path, steps: int) -> Iterator[tuple[int, float]]:
        """Train for so many steps, and yield every test."""
        spec = self.spec(preset)
        evolution = Evolution.begin(self.name, spec, describe(spec.rollouts.environment))
        while evolution.environment_steps < steps:
            for _ in range(spec.test.every):
                evolution.learn(roll_out(training_batch(evolution, evolution.strategy.ask())))
            yield evolution.environment_steps, float(roll_out(test_batch(evolution)).returns.mean())


def roll_out(batch: Batch) -> BatchResult:
    """Run a whole batch as one unit, here."""
    result, rollouts = BatchResult.empty(len(batch)), range(len(batch))
    result.store(rollouts, run_unit(batch.unit(rollouts)))
    return result


def steps_to(points: Points, target: float) -> int | None:
    """Return the training steps after which a test first came to the target."""
    return next((steps for steps, value in points if value >= target), None)


def table(results: dict[str, Points], searches: list[Search], targets: list[float]) -> Iterator[str]:
    """Yield the lines of the table: steps until a test came to each target, and the best test."""
    yield "| perturbations | seed | " + " | ".join(f"steps to {one:g}" for one in targets) + " | best test |"
    yield "| --- |" + " ---: |" * (len(targets) + 2)
    for kind in KINDS:
        rows = []
        for search in (one for one in searches if one.kind == kind):
            points = results[search.name]
            rows.append([steps_to(points, target) for target in targets])
            best = max(value for _, value in points)
            yield f"| {kind} | {search.seed} | {' | '.join(_steps(one) for one in rows[-1])} | {best:,.0f} |"
        medians = [statistics.median(one or float("inf") for one in column) for column in zip(*rows, strict=True)]
        shown = (_steps(int(one)) if one < float("inf") else _steps(None) for one in medians)
        yield f"| {kind} | median | {' | '.join(shown)} | |"


def _steps(steps: int | None) -> str:
    return "not reached" if steps is None else f"{steps:,}"


def draw(results: dict[str, Points], searches: list[Search], path: Path) -> None:
    """Draw every search's tests over its training steps."""
    figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
    for search in searches:
        steps, returns = zip(*results[search.name], strict=True)
        label = search.kind.replace("_", " ") if search.seed == searches[0].seed else None
        axes.plot([one / 1e6 for one in steps], returns, color=COLOURS[search.kind], label=label, linewidth=1.2)
    axes.set_xlabel("training environment steps, millions")
    axes.set_ylabel("mean test return")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    axes.legend(frameon=False)
    with matplotlib.rc_context({"svg.hashsalt": "low-rank"}):
        figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Train what is not there yet, print the table and draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", type=Path, default=PRESET)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--steps", type=int, default=1_000_000, help="training steps of each search")
    parser.add_argument("--targets", type=float, nargs="+", default=[100.0, 200.0, 300.0])
    parser.add_argument("--results", type=Path, required=True, help="JSON that is made, or read where it is there")
    parser.add_argument("--figure", type=Path)
    chosen = parser.parse_args()
    searches = [Search(kind, seed) for seed in chosen.seeds for kind in KINDS]
    if chosen.results.exists():
        results: dict[str, Points] = json.loads(chosen.results.read_text())
    else:
        results = {search.name: [] for search in searches}
        for turn in zip(*(search.points(chosen.preset, chosen.steps) for search in searches), strict=True):
            for search, point in zip(searches, turn, strict=True):
                results[search.name].append(point)
            chosen.results.write_text(json.dumps(results))
    print("\n".join(table(results, searches, chosen.targets)))
    if chosen.figure:
        draw(results, searches, chosen.figure)


if __name__ == "__main__":
    os.environ.update(slot_environment())
    with threadpool_limits(limits=1, user_api="blas"):
        main()
