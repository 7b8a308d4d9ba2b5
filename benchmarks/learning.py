"""How long it takes to learn: environment steps and seconds to a fixed test return, by several ways.

The first two run the same search, to the seed of every episode: `Evolution` asks, caps, normalises and learns.
Their physics differ in the last bits, so that their runs part after some generations.

- *Seedcast*: a master and a worker a core on this machine, over HTTP, as `seedcast train` has it;
- *Gymnasium*: the usual way: a pool of one process a core, in each one environment and a numpy policy that takes
  one observation at a time;
- *EvoTorch*, where a Python with it is named: its own PGPE and ClipUp with the same numbers
  (`learning_evotorch.py`).

A run ends with the first test that reaches its score, or when it has had its steps. Seeds are run one after the
other, each by all ways in turn, so that the machine's mood hits all alike. Seconds are wall time of training, and
start when processes are up: tests cost the other two ways none, while Seedcast's run beside its training and slow
it. ``make bench-learning`` prints the table.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import cache, partial
from multiprocessing.pool import Pool
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import yaml
from numpy.typing import NDArray

from benchmarks.baseline import act, is_discrete, layers_of, make
from seedcast.cli.local_cluster import LocalCluster, free_ports
from seedcast.cli.serve import start
from seedcast.services.master.dispatch.batch import Batch, BatchResult
from seedcast.services.master.evolution.batches import test_batch, training_batch
from seedcast.services.master.evolution.state import Evolution
from seedcast.services.worker.environments.registry import describe
from seedcast.shared.cpus import usable_cpus
from seedcast.shared.observation_stats import Normaliser
from seedcast.shared.protocol import UnitHeader
from seedcast.shared.spec.curriculum import StageSpec
from seedcast.shared.spec.experiment import ExperimentSpec
from seedcast.shared.statistics import bootstrap

COLOURS = {"Seedcast": "#1f77b4", "Gymnasium": "#8a6d3b", "EvoTorch": "#9467bd"}
"""Of each way."""


@dataclass(frozen=True)
class Task:
    """What is learnt, how well, and within how many steps."""

    preset: str
    score: float
    most_steps: int

    def spec(self, seed: int) -> ExperimentSpec:
        """Return the preset with this seed, which stops at the score; of a curriculum, its first stage alone."""
        values = yaml.safe_load(Path(f"configs/{self.preset}.yaml").read_text())
        for stage in values.pop("curriculum", [])[:1]:
            values = StageSpec.model_validate(stage).applied_to(values)
        values["stop"] = {"test_return": self.score, "environment_steps": self.most_steps, "generations": 100_000}
        values["test"] = {"every": values["test"]["every"], "episodes": 20}
        return ExperimentSpec.model_validate(values | {"seed": seed})


TASKS = (Task("cartpole", 475, 1_000_000), Task("bipedal_walker", 100, 6_000_000))


@dataclass
class Run:
    """One search by one way: its tests, as (steps, seconds, mean return)."""

    preset: str
    way: str
    seed: int
    tests: list[tuple[int, float, float]]

    def reached(self, score: float) -> tuple[int, float] | None:
        """Return the steps and seconds of the first test that has the score."""
        return next(((steps, seconds) for steps, seconds, value in self.tests if value >= score), None)


def seedcast_run(task: Task, seed: int) -> Run:
    """Train over HTTP, with a worker a core."""
    with tempfile.TemporaryDirectory() as folder, LocalCluster(Path(folder) / "logs") as cluster:
        client = start(cluster, usable_cpus(), free_ports(1)[0], Path(folder))
        done = client.wait(client.submit(task.spec(seed)).id, poll_seconds=0.2)
        tests = client.tests(done.id)
    points = [(one.environment_steps, one.elapsed_seconds, one.returns.mean) for one in tests]
    return Run(task.preset, "Seedcast", seed, points)


def gymnasium_run(task: Task, seed: int) -> Run:
    """Train with a pool of processes that have an environment each."""
    spec = task.spec(seed)
    evolution = Evolution.begin("baseline", spec, describe(spec.rollouts.environment))
    run = Run(task.preset, "Gymnasium", seed, [])
    with multiprocessing.get_context("spawn").Pool(usable_cpus()) as pool:
        pool.map(abs, range(usable_cpus()))  # all of them are up
        seconds = 0.0
        while True:
            if evolution.generation % spec.test.every == 0:
                score = float(roll_out(pool, test_batch(evolution)).returns.mean())
                run.tests.append((evolution.environment_steps, seconds, score))
                if score >= task.score or evolution.environment_steps >= task.most_steps:
                    return run
            started = time.perf_counter()
            evolution.learn(roll_out(pool, training_batch(evolution, evolution.strategy.ask())))
            seconds += time.perf_counter() - started


def evotorch_run(python: Path, task: Task, seed: int) -> Run:
    """Train with EvoTorch, in a Python that has it."""
    script = Path(__file__).with_name("learning_evotorch.py")
    said = subprocess.run(
        [python, script], input=task.spec(seed).model_dump_json(), stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    return Run(task.preset, "EvoTorch", seed, [tuple(json.loads(line)) for line in said.splitlines()])


def roll_out(pool: Pool, batch: Batch) -> BatchResult:
    """Run a whole batch in the pool, episode by episode: whoever is free takes the next."""
    unit = batch.unit(range(len(batch))).written_out()
    rows = np.asarray(unit.parameters)
    header = unit.header.model_dump_json()
    jobs = [
        (header, rows[row], int(seed), unit.normaliser) for row, seed in zip(unit.rows, unit.seeds, strict=True)
    ]
    returns, fitness, lengths, sums, squares = zip(*pool.imap(episode, jobs), strict=True)
    result = BatchResult(np.array(returns), np.array(fitness), np.array(lengths, np.int32))
    result.observation_sums, result.observation_squares = np.stack(sums), np.stack(squares)
    return result


Episode = tuple[float, float, int, NDArray[np.float64], NDArray[np.float64]]
"""Return, fitness, length, sum and sum of squares of the observations."""


def episode(job: tuple[str, NDArray[np.float32], int, Normaliser | None]) -> Episode:
    """Play one episode in this process's environment."""
    text, parameters, seed, normaliser = job
    header, environment = _opened(text)
    layers, discrete = layers_of(parameters, header, environment), is_discrete(environment)
    penalty, cap = header.shaping.drop_terminal_penalty, header.max_episode_steps
    observation, _ = environment.reset(seed=seed)
    total = fitness = 0.0
    length, over = 0, False
    sums, squares = np.zeros(len(observation)), np.zeros(len(observation))
    while not over:
        sums += observation
        squares += np.square(observation, dtype=np.float64)
        values = observation if normaliser is None else normaliser(observation)
        observation, reward, terminated, truncated, _ = environment.step(act(layers, values, discrete=discrete))
        length += 1
        total += reward
        fitness += 0.0 if terminated and penalty is not None and reward <= -penalty else reward
        over = terminated or truncated or length == cap
    return total, fitness, length, sums, squares


@cache
def _opened(text: str) -> tuple[UnitHeader, Any]:
    header = UnitHeader.model_validate_json(text)
    return header, make(header)


def table(task: Task, runs: list[Run]) -> Iterator[str]:
    """Yield the lines of a task's table: interquartile means over the seeds that got there, with 95% intervals."""
    yield f"{task.preset}, test mean of 20 episodes >= {task.score:g}"
    yield "| way | seeds that got there | environment steps | seconds |"
    yield "| --- | ---: | ---: | ---: |"
    for way in COLOURS:
        mine = [one for one in runs if one.preset == task.preset and one.way == way]
        if not mine:
            continue
        got = [point for one in mine if (point := one.reached(task.score)) is not None]
        if not got:
            yield f"| {way} | 0 of {len(mine)} | | |"
            continue
        steps, seconds = (bootstrap([np.array(column, np.float64)]) for column in zip(*got, strict=True))
        yield (
            f"| {way} | {len(got)} of {len(mine)} "
            f"| {steps.estimate:,.0f} ({steps.low:,.0f} to {steps.high:,.0f}) "
            f"| {seconds.estimate:,.1f} ({seconds.low:,.1f} to {seconds.high:,.1f}) |"
        )


def draw(runs: list[Run], path: Path) -> None:
    """Draw every run's tests over seconds, a panel a task."""
    figure, panels = plt.subplots(1, len(TASKS), figsize=(4.2 * len(TASKS), 3.2), layout="constrained")
    for axes, task in zip(panels, TASKS, strict=True):
        for one in (one for one in runs if one.preset == task.preset):
            _, seconds, values = zip(*one.tests, strict=True)
            first = one.seed == min(other.seed for other in runs)
            axes.plot(seconds, values, color=COLOURS[one.way], linewidth=1.2, label=one.way if first else None)
        axes.axhline(task.score, color="#888888", linewidth=0.8, linestyle="--")
        axes.set_title(task.preset.replace("_", " "), fontsize=10)
        axes.set_xlabel("seconds")
        axes.set_ylabel("mean test return")
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].legend(frameon=False)
    with matplotlib.rc_context({"svg.hashsalt": "learning"}):
        figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Run what is not there yet, print the tables and draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--tasks", nargs="+", choices=[task.preset for task in TASKS], help="default: all")
    parser.add_argument("--results", type=Path, help="JSON that is added to: what is in it is not run again")
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--evotorch", type=Path, metavar="PYTHON", help="A Python that has EvoTorch: a third way.")
    chosen = parser.parse_args()
    runs: list[Run] = []
    if chosen.results and chosen.results.exists():
        runs = [Run(**values) for values in json.loads(chosen.results.read_text())]
    ways: dict[str, Callable[[Task, int], Run]] = {"Seedcast": seedcast_run, "Gymnasium": gymnasium_run}
    if chosen.evotorch:
        ways["EvoTorch"] = partial(evotorch_run, chosen.evotorch)
    tasks = [task for task in TASKS if not chosen.tasks or task.preset in chosen.tasks]
    for task in tasks:
        for seed in chosen.seeds:
            for way, train in ways.items():
                if any((one.preset, one.way, one.seed) == (task.preset, way, seed) for one in runs):
                    continue
                runs.append(train(task, seed))
                reached = runs[-1].reached(task.score)
                print(f"{task.preset}, {way}, seed {seed}: {reached or runs[-1].tests[-1]}", flush=True)
                if chosen.results:
                    chosen.results.write_text(json.dumps([asdict(one) for one in runs]))
    for task in tasks:
        print("\n".join(["", *table(task, runs)]))
    print(f"\n{usable_cpus()} cores, load average {os.getloadavg()[0]:.1f} at the end")
    if chosen.figure:
        draw(runs, chosen.figure)


if __name__ == "__main__":
    main()
