"""What a generation and a test roll out, and on which episodes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seedcast.services.master.dispatch.batch import Batch
from seedcast.services.master.evolution.state import Evolution
from seedcast.services.master.strategies.base import Population
from seedcast.shared.protocol import RewardShaping, UnitHeader
from seedcast.shared.seeding import Purpose, episode_seeds
from seedcast.shared.spec.environment import EnvironmentDescription, EnvironmentSpec
from seedcast.shared.spec.experiment import ExperimentSpec
from seedcast.shared.spec.objective import ObjectiveDescription


def training_batch(evolution: Evolution, population: Population) -> Batch:
    """Return the rollouts of the next generation: shaped, capped, on the training episodes."""
    spec, bonus = evolution.spec, evolution.spec.fitness.finish_bonus
    header = UnitHeader(
        environment=_environment(spec, evolution),
        policy=spec.policy,
        objective=spec.objective,
        shaping=RewardShaping(
            drop_terminal_penalty=spec.fitness.drop_terminal_penalty,
            finish_bonus=bonus.amount if bonus else 0.0,
            finish_above=bonus.above if bonus else 0.0,
            subtract_per_step=spec.fitness.subtract_per_step,
        ),
        max_episode_steps=evolution.episode_cap,
        collect_statistics=evolution.statistics is not None,
    )
    seeds = training_seeds(spec, evolution.generation, len(population))
    return Batch(
        evolution.experiment,
        header,
        population.members,
        seeds,
        evolution.normaliser,
        fingerprint=evolution.fingerprint,
    )


def test_batch(evolution: Evolution) -> Batch:
    """Return the rollouts that test the mean on the task itself: plain, uncapped, episodes of their own."""
    episodes = evolution.whole.test.episodes if _tests_differ(evolution) else 1
    return _test_batch(evolution, Purpose.TEST_EPISODES, episodes)


def confirming_batch(evolution: Evolution) -> Batch | None:
    """Return the same test on other episodes, where the specification has good tests confirmed."""
    episodes = evolution.whole.test.confirm_episodes if _tests_differ(evolution) else None
    return _test_batch(evolution, Purpose.CONFIRMING_EPISODES, episodes) if episodes else None


def _test_batch(evolution: Evolution, purpose: Purpose, episodes: int) -> Batch:
    spec = evolution.whole
    mean = evolution.strategy.mean[None, :].copy()
    return Batch(
        experiment=evolution.experiment,
        header=UnitHeader(
            environment=_environment(spec, evolution),
            policy=spec.policy.model_copy(update={"action_noise": 0.0}) if spec.policy else None,
            objective=spec.objective,
            test=spec.objective is not None,
        ),
        members=lambda _start, _stop: mean,
        seeds=episode_seeds(spec.seed, purpose, evolution.generation, 1, episodes),
        normaliser=evolution.normaliser,
        background=True,
        fingerprint=evolution.fingerprint,
    )


def _tests_differ(evolution: Evolution) -> bool:
    """Whether another seed may give another result; an objective that is not noisy is evaluated once."""
    description = evolution.description
    return description.noisy if isinstance(description, ObjectiveDescription) else True


def _environment(spec: ExperimentSpec, evolution: Evolution) -> EnvironmentSpec | None:
    """Return the environment on the engine that described it, so that no worker chooses another one."""
    if spec.environment is None or not isinstance(evolution.description, EnvironmentDescription):
        return None
    return spec.environment.on(evolution.description.engine)


def training_seeds(spec: ExperimentSpec, generation: int, population_size: int) -> NDArray[np.int32]:
    """Return the episode seeds ``(members, episodes)`` after ``generation``, shared as the specification says."""
    members = np.arange(population_size)
    group = {"generation": members * 0, "pair": members // 2, "member": members}[spec.episode_seeds]
    groups = int(group[-1]) + 1
    drawn = episode_seeds(spec.seed, Purpose.TRAINING_EPISODES, generation, groups, spec.episodes_per_member)
    return drawn[group]
