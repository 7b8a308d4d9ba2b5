"""What `benchmarks.publish` writes for people: a result's page and curve, and the table of all results."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seedcast.services.master.storage.records import TestRecord
from seedcast.shared.statistics import curve_over_runs

BUSY, QUIET = "on a machine that did other work too", "on a machine that did nothing else"
BLUE, GREY = "#1f77b4", "#7f7f7f"


def page(results: dict[str, Any]) -> str:
    """Return the README of one result."""
    name = results["preset"]
    seeds = ", ".join(str(run["seed"]) for run in results["runs"])
    lines = [
        f"# {name}",
        "",
        f"{results['task']} by {results['strategy']}: **{_score(results)}** over {_runs(results)}, "
        f"each run's {_kind(results)} model on {results['episodes']} episodes that it had not seen.",
        "",
    ]
    if results["note"]:
        lines += [results["note"], ""]
    lines += ["![The test return against training steps](curve.svg)", ""]
    if results["film"]:
        lines += [f"[An episode of the model, filmed]({results['film']})", ""]
    lines += [
        "| seed | score | worst episode | training steps | minutes | core-hours | target reached after |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for run in results["runs"]:
        reached = run["solved_environment_steps"]
        lines.append(
            f"| {run['seed']} | {run['mean']:,.1f} ± {run['std']:,.1f} | {run['minimum']:,.1f} "
            f"| {_steps(run['environment_steps'])} | {run['elapsed_seconds'] / 60:.1f} | {run['core_hours']:.3g} "
            f"| {_steps(reached) if reached else '-'} |"
        )
    versions = ", ".join(f"{package} {version}" for package, version in results["versions"].items())
    lines += [
        "",
        f"Minutes are training time {QUIET if results.get('quiet') else BUSY}; core-hours are what slots worked.",
        f"`best_model.npz` is the {_kind(results)} model of the run whose score is in the middle. "
        "`scores.csv` has every test of every run.",
        "",
        "```sh",
        f"seedcast train results/{name}/spec.yaml               # seeds: {seeds}; with -o seed=N another one",
        f"seedcast evaluate results/{name}/best_model.npz --episodes {results['episodes']} "
        f"--seed {results['episode_seed']}",
        "```",
        "",
        f"{results['machine']}; {versions}.",
        "",
    ]
    return "\n".join(lines)


def _kind(results: dict[str, Any]) -> str:
    return "last tested" if results.get("last") else "best"


def table(folder: Path) -> str:
    """Return the README of ``results/``: a line a result."""
    lines = [
        "# Results",
        "",
        "Every preset that was run, over seeds: the interquartile mean of the runs' scores (of three,",
        "their mean) with its 95% bootstrap interval. A score is the run's best model (its page says where it",
        "is the last) on 100 episodes that neither training nor its tests had seen.",
        "Each page has the curve, the model, and the commands.",
        "Written by `python -m benchmarks.publish`; a test plays every model again.",
        "",
        "| preset | task | strategy | score | seeds | training steps | core-hours a run |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for path in sorted(folder.glob("*/results.json")):
        one = json.loads(path.read_text())
        runs = one["runs"]
        steps = sum(run["environment_steps"] for run in runs) / len(runs)
        hours = sum(run["core_hours"] for run in runs) / len(runs)
        lines.append(
            f"| [{one['preset']}]({one['preset']}/README.md) | {one['task']} | {one['strategy']} "
            f"| {_score(one)} | {len(runs)} | {_steps(steps)} | {hours:.2g} |"
        )
    return "\n".join([*lines, ""])


def draw(path: Path, runs: Sequence[Sequence[TestRecord]], target: float | None) -> None:
    """Draw every run's test returns against training steps, and their interquartile mean with its interval."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "seedcast"  # the same figures, the same file
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 3.5), layout="constrained")
    lines = [
        ([one.environment_steps / 1e6 for one in tests], [one.returns.mean for one in tests]) for tests in runs
    ]
    for steps, returns in lines:
        axes.plot(steps, returns, color=GREY, linewidth=0.7, alpha=0.7)
    if band := curve_over_runs(lines):
        axes.plot(band.x, band.estimate, color=BLUE, linewidth=1.8)
        axes.fill_between(band.x, band.low, band.high, color=BLUE, alpha=0.2, linewidth=0)
    if target is not None:
        axes.axhline(target, color=GREY, linewidth=0.8, linestyle="--")
    axes.set_xlabel("training steps (millions)")
    axes.set_ylabel("test return")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _score(results: dict[str, Any]) -> str:
    score = results["score"]
    if len(results["runs"]) == 1:  # one run has no interval
        return f"{score['mean']:,.1f}"
    return f"{score['mean']:,.1f} [{score['low']:,.1f}, {score['high']:,.1f}]"


def _runs(results: dict[str, Any]) -> str:
    return "one run" if len(results["runs"]) == 1 else f"{len(results['runs'])} runs"


def _steps(count: float) -> str:
    return f"{count / 1e6:.1f} M" if count >= 1e6 else f"{count / 1e3:.0f} k"
