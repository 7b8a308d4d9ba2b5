"""Publishes runs of one specification: `results/NAME/` from a running master, and the table of all of them.

    python -m benchmarks.publish NAME EXPERIMENT... [--url URL]   write results/NAME/ and the table
    python -m benchmarks.publish                                  write the table only

Every run's best model is played on 100 episodes that neither training nor a test has seen, and that is the score;
the model that is kept is the one of the run in the middle, not the luckiest. Where tests are noisy beside what a
run learns, the best of many is a lucky one and soon an old one: with ``--last`` the last tested model is played
instead, which was chosen by nothing. Written are the specification, every test of every run (scores.csv), a curve
with its 95% interval, the model, its film where the environment draws pictures, all figures (results.json) and a
page that says how to make it again.
"""

from __future__ import annotations

import argparse
import csv
import json
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.results_page import draw, page, table
from seedcast import Client
from seedcast.errors import SeedcastError
from seedcast.services.master.experiments.schemas import Experiment
from seedcast.services.master.storage.artifacts import model_name
from seedcast.services.master.storage.records import TestRecord
from seedcast.shared.statistics import bootstrap

RESULTS = Path("results")
BEST = "best_model.npz"
EPISODES = 100
FRESH_SEED = 20_260_101
"""What the final episodes are drawn by: no test of a training run uses it."""
LARGEST_FILM = 2**21
"""Bytes; a larger film is not kept."""
NOT_THE_SEARCH = {"tags", "share"}
"""Fields that say how a run was kept and served."""
PACKAGES = ("numpy", "gymnasium", "envpool", "mujoco", "box2d", "pybullet")


def main() -> None:
    """Write one result, or the table alone."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="?", help="The preset: configs/NAME.yaml.")
    parser.add_argument("experiments", nargs="*", help="Ids of its runs, each of another seed.")
    parser.add_argument(
        "--url", help="The master that has them. Default: SEEDCAST_URL, else http://127.0.0.1:8000."
    )
    parser.add_argument("--last", action="store_true", help="Each run's last tested model, not its best.")
    parser.add_argument("--note", default="", help="A sentence for its page.")
    parser.add_argument("--quiet", action="store_true", help="Nothing else ran: its minutes are a clock's.")
    chosen = parser.parse_args()
    if chosen.name:
        if not chosen.experiments:
            parser.error("which experiments?")
        with Client(chosen.url) as client:
            publish(client, chosen.name, chosen.experiments, chosen.note, last=chosen.last, quiet=chosen.quiet)
    (RESULTS / "README.md").write_text(table(RESULTS))


def publish(
    client: Client, name: str, experiment_ids: Sequence[str], note: str, *, last: bool = False, quiet: bool
) -> None:
    """Write ``results/name/`` from runs of one specification over seeds; ``quiet`` where each had the machine.

    The models are the best by their tests, or the ``last`` that were tested.
    """
    folder = RESULTS / name
    folder.mkdir(parents=True, exist_ok=True)
    runs = sorted((client.experiment(one) for one in experiment_ids), key=lambda run: run.spec.seed)
    tests = {run.id: client.tests(run.id) for run in runs}
    models = [_last_model(run, tests[run.id]) if last else BEST for run in runs]
    finals = [_final(client, run, model) for run, model in zip(runs, models, strict=True)]
    order = np.argsort([final["mean"] for final in finals], kind="stable")
    middle = int(order[len(order) // 2])

    (folder / "spec.yaml").write_text(yaml.safe_dump(_specification(runs[middle]), sort_keys=False))
    _write_scores(folder / "scores.csv", runs, tests)
    draw(folder / "curve.svg", [tests[run.id] for run in runs], runs[0].spec.stop.target)
    client.download(runs[middle].id, models[middle], folder / BEST)
    film = _film(client, runs[middle], models[middle], folder / "film.mp4")

    interval = bootstrap([np.array([final["mean"] for final in finals])])
    results: dict[str, Any] = {
        "preset": name,
        "task": finals[middle]["task"],
        "strategy": runs[0].spec.strategy.name,
        "score": {"mean": interval.estimate, "low": interval.low, "high": interval.high},
        "episodes": EPISODES,
        "episode_seed": FRESH_SEED,
        "target": runs[0].spec.stop.target,
        "runs": [_figures(run, tests[run.id], final) for run, final in zip(runs, finals, strict=True)],
        "model": {"seed": runs[middle].spec.seed, "returns": finals[middle]["returns"]}
        | {"fingerprints": finals[middle]["fingerprints"]},
        "film": film,
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "versions": _versions(),
        "note": note,
        "quiet": quiet,
        "last": last,
    }
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    (folder / "README.md").write_text(page(results))


def _specification(run: Experiment) -> dict[str, Any]:
    """Return what a specification has apart from defaults, and the names by which choices are told apart."""
    short = run.spec.model_dump(mode="json", exclude_defaults=True, exclude=NOT_THE_SEARCH)
    return _with_names(short, run.spec.model_dump(mode="json", exclude=NOT_THE_SEARCH))


def _with_names(short: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    named = {"name": whole["name"]} if "name" in whole else {}
    return named | {
        key: _with_names(value, whole[key]) if isinstance(value, dict) and isinstance(whole[key], dict) else value
        for key, value in short.items()
    }


def _last_model(run: Experiment, tests: Sequence[TestRecord]) -> str:
    if not tests:
        raise SystemExit(f"{run.id}: no model of it has been tested yet")
    return model_name(tests[-1].generation)


def _final(client: Client, run: Experiment, model: str) -> dict[str, Any]:
    job = client.wait_for_job(client.evaluate(run.id, model, episodes=EPISODES, seed=FRESH_SEED))
    if job.result is None or job.result.returns is None:
        raise SystemExit(f"{run.id}: its model could not be evaluated: {job.reason}")
    task = run.spec.environment.id if run.spec.environment else run.spec.objective.id if run.spec.objective else ""
    return {
        "task": task,
        "mean": job.result.returns.mean,
        "std": job.result.returns.std,
        "minimum": job.result.returns.minimum,
        "returns": job.result.episode_returns,
        "fingerprints": job.result.fingerprints,
        "generation": job.result.generation,
    }


def _figures(run: Experiment, tests: Sequence[TestRecord], final: dict[str, Any]) -> dict[str, Any]:
    """One run in figures; `solved_*` say when a test first reached the target."""
    target, sign = run.spec.stop.target, run.sign
    solved = next((one for one in tests if target is not None and sign * one.returns.mean >= sign * target), None)
    return {
        "seed": run.spec.seed,
        "mean": final["mean"],
        "std": final["std"],
        "minimum": final["minimum"],
        "model_generation": final["generation"],
        "generations": run.generation,
        "environment_steps": run.environment_steps,
        "elapsed_seconds": round(run.elapsed_seconds, 1),
        "core_hours": round(run.core_hours, 4),
        "solved_environment_steps": solved and solved.environment_steps,
        "solved_core_hours": solved and round((solved.training_core_seconds + solved.core_seconds) / 3600, 4),
    }


def _write_scores(path: Path, runs: Sequence[Experiment], tests: dict[str, list[TestRecord]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(
            [
                "seed",
                "generation",
                "environment_steps",
                "elapsed_seconds",
                "core_seconds",
                "episodes",
                "mean",
                "std",
            ]
        )
        for run in runs:
            for one in tests[run.id]:
                used = [one.environment_steps, round(one.elapsed_seconds, 1), round(one.training_core_seconds, 1)]
                scores = [one.episodes, round(one.returns.mean, 3), round(one.returns.std, 3)]
                writer.writerow([run.spec.seed, one.generation, *used, *scores])


def _film(client: Client, run: Experiment, model: str, path: Path) -> str | None:
    """Film the model that is kept; return the file's name, or nothing where there are no pictures to take."""
    try:
        job = client.wait_for_job(client.film(run.id, model, seed=FRESH_SEED))
    except SeedcastError as error:
        print(f"{run.id}: no film: {error}")
        return None
    if job.result is None or job.result.artifact is None:
        print(f"{run.id}: no film: {job.reason}")
        return None
    client.download(run.id, job.result.artifact, path)
    if path.stat().st_size > LARGEST_FILM:
        print(f"{run.id}: its film has {path.stat().st_size:,} bytes and is not kept")
        path.unlink()
        return None
    return path.name


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for package in ("seedcast", *PACKAGES):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


if __name__ == "__main__":
    main()
