"""Perturbations of low rank against full noise: the engine's steps/s, and what a generation costs the master.

Both are measured in turn, round by round, in one run and one process with one BLAS thread, so that the machine's
mood hits both alike; ratios are of one round, and given as their median with the smallest and the largest. Seconds
are of one core, all threads of the process added up, so that others at work on the machine hardly count.

- *engine*: whole units in process, as a slot runs them, in a real environment: Pendulum-v1, whose step is nearly
  free, and HalfCheetah-v4 of MuJoCo, whose step is not. Then where the time of a step goes.
- *master*: `openai_es`. A generation is ask and tell; noise + update are the draws of a new population and their
  weighted sum.

``make bench-low-rank`` prints the tables.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.breakdown import microseconds_per_step, table
from seedcast.services.master.strategies.base import Problem
from seedcast.services.master.strategies.low_rank import PerturbationsSpec
from seedcast.services.master.strategies.openai_es import OpenAIES, OpenAIESSpec
from seedcast.services.worker.engine import run_unit
from seedcast.services.worker.environments.registry import describe
from seedcast.services.worker.slots.variables import slot_environment
from seedcast.shared.policies.base import Policy
from seedcast.shared.protocol import Unit, UnitHeader
from seedcast.shared.protocol.members import header_fields
from seedcast.shared.spec.environment import EnvironmentSpec
from seedcast.shared.spec.policy import build_policy

Kind = Literal["full", "low_rank"]
KINDS: tuple[Kind, Kind] = ("full", "low_rank")

HIDDEN = (44, 128, 192, 256, 294, 660, 990)
"""Units of both hidden layers: d is about 3 k, 20 k, 41 k, 71 k, 93 k, 452 k and 1.0 M."""

ENVIRONMENTS = ("Pendulum-v1", "HalfCheetah-v4")
MEMBERS, EPISODE_STEPS = 256, 200
"""Of a unit of the engine: Pendulum's own episodes."""

SECONDS = 0.15
"""A measurement takes so long, and to the end of what it has begun."""


@dataclass(frozen=True)
class Case:
    """One policy in one environment."""

    environment: str
    hidden: int

    @property
    def header(self) -> UnitHeader:
        """What a unit says of both."""
        policy = {"name": "mlp", "hidden": [self.hidden, self.hidden]}
        environment = {"id": self.environment, "max_episode_steps": EPISODE_STEPS}
        return UnitHeader.model_validate({"environment": environment, "policy": policy})

    def policy(self) -> Policy:
        """Build the policy."""
        return build_policy(self.header.rollouts.policy, describe(EnvironmentSpec(id=self.environment)))

    def strategy(self, kind: Kind, members: int) -> OpenAIES:
        """Return the search as the master has it, at the initial mean."""
        policy = self.policy()
        mean = np.random.default_rng(0).standard_normal(policy.dimension, dtype=np.float32) * np.float32(0.05)
        problem = Problem(members, 1, mean, policy.matrices)
        return OpenAIES(OpenAIESSpec(perturbations=PerturbationsSpec(kind=kind)), problem)

    def unit(self, kind: Kind, members: int = MEMBERS) -> Unit:
        """Return a generation as one unit, an episode for each member."""
        asked = self.strategy(kind, members).ask().members(0, members)
        numbers = np.arange(members, dtype=np.int32)
        return Unit(self.header.model_copy(update=header_fields(asked)), asked, numbers, numbers)


def engine_rate(unit: Unit, seconds: float) -> float:
    """Run the unit again and again, and return the environment steps per second of one core.

    Raises:
        RuntimeError: a rollout failed.
    """
    steps, started = 0, time.process_time()
    while (spent := time.process_time() - started) < seconds or not steps:
        result = run_unit(unit)
        if result.failures:
            raise RuntimeError(result.failures[0].message)
        steps += int(result.lengths.sum())
    return steps / spent


def generation_seconds(strategy: OpenAIES, fitness: Sequence[float], seconds: float) -> float:
    """Return what ask and tell take, on average over so many seconds."""

    def generation() -> None:
        strategy.ask()
        strategy.tell(np.array(fitness))

    return mean_seconds(generation, seconds)


def noise_and_update_seconds(strategy: OpenAIES, seconds: float) -> float:
    """Return what the draws of a population and their weighted sum take, on average over so many seconds."""
    weights = np.linspace(-1, 1, strategy.population_size // 2)
    chosen, problem = strategy.hyperparameters, strategy.problem

    def both() -> None:
        sampled = strategy._sample(chosen.sigma(strategy.clock), chosen.perturbations.low_rank(problem))
        sampled.weighted_sums(weights)

    return mean_seconds(both, seconds)


def mean_seconds(work: Callable[[], None], seconds: float) -> float:
    """Repeat the work for so many seconds, at least once."""
    times, started = 0, time.process_time()
    while (spent := time.process_time() - started) < seconds or not times:
        work()
        times += 1
    return spent / times


def compare(measure: Callable[[Kind], float], rounds: int) -> dict[Kind, list[float]]:
    """Measure both kinds in turn, either first in every other round; a round before them is not counted."""
    found: dict[Kind, list[float]] = {kind: [] for kind in KINDS}
    for number in range(rounds + 1):
        for kind in KINDS if number % 2 else KINDS[::-1]:
            value = measure(kind)
            if number:
                found[kind].append(value)
    return found


def spread(ratios: Sequence[float]) -> str:
    """Return the median, with the smallest and the largest."""
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def engine_row(case: Case, rounds: int, seconds: float) -> str:
    """Measure a line of the engine's table."""
    units = {kind: case.unit(kind) for kind in KINDS}
    found = compare(lambda kind: engine_rate(units[kind], seconds), rounds)
    ratios = [low / full for full, low in zip(found["full"], found["low_rank"], strict=True)]
    medians = " | ".join(f"{statistics.median(found[kind]):,.0f}" for kind in KINDS)
    network = f"{case.hidden}-{case.hidden} | {case.policy().dimension:,}"
    return f"| {case.environment} | {network} | {medians} | {spread(ratios)} |"


def master_row(case: Case, members: int, rounds: int, seconds: float) -> str:
    """Measure a line of the master's table."""
    fitness = np.random.default_rng(1).normal(size=members).tolist()
    strategies = {kind: case.strategy(kind, members) for kind in KINDS}
    whole = compare(lambda kind: generation_seconds(strategies[kind], fitness, seconds), rounds)
    alone = compare(lambda kind: noise_and_update_seconds(strategies[kind], seconds), rounds)
    cells = []
    for found in (whole, alone):
        ratios = [full / low for full, low in zip(found["full"], found["low_rank"], strict=True)]
        cells += [f"{1000 * statistics.median(found[kind]):,.2f}" for kind in KINDS] + [spread(ratios)]
    return f"| {case.policy().dimension:,} | {members:,} | {' | '.join(cells)} |"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--hidden", type=int, nargs="+", default=list(HIDDEN))
    parser.add_argument("--members", type=int, default=256, help="of the master's generations")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each measurement, at least")
    chosen = parser.parse_args()
    cases = [Case(environment, hidden) for environment in ENVIRONMENTS for hidden in chosen.hidden]
    print(f"engine: steps/s of one core, medians of {chosen.rounds} rounds; ratios by round, median (min to max)")
    print("| environment | hidden | d | full | low rank | low rank / full |\n| --- | --- |" + " ---: |" * 4)
    for case in cases:
        print(engine_row(case, chosen.rounds, chosen.seconds), flush=True)
    print("\nwhere a step's time goes, µs of the clock")
    parts = [
        (f"{one.environment}, {one.hidden}-{one.hidden}, {kind}", microseconds_per_step(one.unit(kind)))
        for one in cases
        for kind in KINDS
    ]
    print(table(parts))
    print("\nmaster: ms a generation, and of noise + update alone; ratios full / low rank")
    print("| d | members | full | low rank | ratio | noise + update, full | low rank | ratio |\n|" + " ---: |" * 8)
    for hidden in chosen.hidden:
        print(
            master_row(Case("HalfCheetah-v4", hidden), chosen.members, chosen.rounds, chosen.seconds), flush=True
        )


if __name__ == "__main__":
    os.environ.update(slot_environment())
    with threadpool_limits(limits=1, user_api="blas"):
        main()
