"""An evolution through the stages of a curriculum, fed with made-up results."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest

from seedcast.services.master.evolution.batches import confirming_batch, training_batch
from seedcast.services.master.evolution.batches import test_batch as batch_of_test
from seedcast.services.master.evolution.state import Evolution
from seedcast.services.master.strategies.base import Problem, Strategy
from seedcast.services.master.strategies.contract.settings import assert_same_state, members_of, train
from seedcast.shared.errors import InvalidInput
from seedcast.shared.spec.experiment import ExperimentSpec
from seedcast.shared.spec.strategies import STRATEGIES
from tests.master.evolution.test_state import begin, result
from tests.specs import cartpole

SHORT = {"until": {"generations": 2}, "fitness": {"episode_cap": {"minimum": 20}}, "episodes_per_member": 1}
FEW = {"until": {"generations": 4}, "population_size": 8, "strategy": {"fitness_shaping": "z_score"}}


def staged(*stages: dict[str, Any], **changes: Any) -> ExperimentSpec:
    return cartpole(curriculum=list(stages), **changes)


def advance(evolution: Evolution, generations: int) -> None:
    for _ in range(generations):
        evolution.strategy.ask()
        evolution.learn(result(evolution, evolution.generation))
        evolution.end_stage_if_due(0.0)


def test_what_was_learnt_goes_on_from_stage_to_stage() -> None:
    evolution = begin(staged(SHORT, FEW))
    advance(evolution, 1)
    assert (evolution.stage, evolution.spec.episodes_per_member) == (0, 1)
    assert evolution.episode_cap is not None
    before = evolution.strategy
    advance(evolution, 1)
    state = evolution.strategy.state()
    assert (evolution.stage, evolution.strategy.population_size) == (1, 8)
    assert evolution.spec.fitness.episode_cap is None
    assert evolution.strategy is not before
    np.testing.assert_array_equal(evolution.strategy.mean, before.mean)
    for name, array in before.state().items():
        if name != "population_size":
            np.testing.assert_array_equal(state[name], array)
    advance(evolution, 2)
    assert (evolution.stage, evolution.spec, evolution.strategy.population_size) == (2, evolution.whole, 16)
    advance(evolution, 3)
    assert evolution.stage == 2


def sigma_after(strategy: dict[str, Any], before: dict[str, Any]) -> float:
    """Return the σ that a strategy begins its second stage with, having learnt in the stage ``before``."""
    stage = SHORT | {"strategy": before}
    evolution = begin(staged(stage, strategy=strategy, episode_seeds="member"))
    advance(evolution, 2)
    assert evolution.stage == 1
    shown = evolution.strategy.summary()
    return shown["sigma"] if "sigma" in shown else shown["sigma_mean"]


FORMS = [  # those whose members are spread by σ around the mean: a GA's elites lie apart from it
    {"name": "cma_es"},
    {"name": "cma_es", "covariance": "diagonal"},
    {"name": "cma_es", "covariance": "vkd"},
    *({"name": name} for name in ("cr_fm_nes", "pepg", "pgpe", "snes", "xnes")),
]
WITH_SIGMA = [name for name, strategy in STRATEGIES.items() if "sigma_init" in strategy.Spec.model_fields]


def built(**given: Any) -> Strategy:
    strategy = cast(type[Strategy], STRATEGIES[given["name"]])
    return strategy(strategy.Spec.model_validate(given), Problem(40, 1, np.zeros(10, np.float32)))


def taken_over(old: Strategy, **given: Any) -> Strategy:
    """Return the strategy of a stage that comes after another one's, with other hyperparameters."""
    new = built(**old.hyperparameters.model_dump() | given)
    new.take_over(old.state(), old.hyperparameters)
    return new


def spread(strategy: Strategy) -> float:
    """Return the standard deviation of a population's parameters around the mean."""
    return float(np.sqrt(np.square(members_of(strategy) - strategy.mean).mean()))


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_members_are_spread_as_a_stage_says_however_long_the_one_before_was(form: dict[str, Any]) -> None:
    old = train(built(**form, sigma_init=0.5), 120)
    assert_same_state(taken_over(old).state(), old.state())
    new = taken_over(old, sigma_init=3.0)
    assert (new.generation, new.mean.tolist()) == (120, old.mean.tolist())
    assert spread(new) == pytest.approx(3.0, rel=0.2)


def test_a_sigma_that_a_stage_gives_is_that_of_its_schedule() -> None:
    half = {"name": "exponential", "decay": 0.5, "floor": 0.125}
    for name in ("pgpe", "snes", "openai_es"):
        old = train(built(name=name, sigma_init=0.5, sigma_schedule=half), 2)
        assert spread(taken_over(old, sigma_init=3.0)) == pytest.approx(0.75, rel=0.1), name


EASIER: list[dict[str, Any]] = [
    {"fitness": {"finish_bonus": {"amount": 100}}},
    {"environment": {"max_episode_steps": 20}},
    {"episodes_per_member": 1},
]


@pytest.mark.parametrize("easier", EASIER, ids=lambda easier: next(iter(easier)))
@pytest.mark.parametrize("strategy", ["simple_ga", "random_search"])
def test_fitness_of_an_easier_stage_does_not_outlive_it(strategy: str, easier: dict[str, Any]) -> None:
    first = {"until": {"generations": 2}} | easier
    evolution = begin(staged(first, strategy={"name": strategy}, episode_seeds="member"))
    advance(evolution, 2)
    state = evolution.strategy.state()
    remembered = state["elite_fitness" if strategy == "simple_ga" else "best_fitness"]
    assert np.isneginf(remembered).all()
    before = evolution.strategy.mean
    advance(evolution, 1)
    assert not np.array_equal(evolution.strategy.mean, before)


def test_fitness_without_a_penalty_does_not_outlive_its_stage() -> None:
    free = {"until": {"generations": 2}, "strategy": {"l2_penalty": 0}}
    evolution = begin(staged(free, strategy={"name": "simple_ga", "l2_penalty": 5}, episode_seeds="member"))
    advance(evolution, 2)
    assert np.isneginf(evolution.strategy.state()["elite_fitness"]).all()


@pytest.mark.parametrize("strategy", WITH_SIGMA)
def test_a_stage_that_gives_sigma_begins_with_it(strategy: str) -> None:
    wide = sigma_after({"name": strategy, "sigma_init": 3.0}, {"sigma_init": 0.5})
    assert wide == pytest.approx(3.0, rel=1e-6)
    learnt = sigma_after({"name": strategy, "sigma_init": 0.5}, {})
    assert learnt == pytest.approx(0.5, rel=0.2), "nothing given: it goes on"


def test_a_stage_begins_with_its_radius_and_its_learning_rate() -> None:
    pgpe = begin(staged(SHORT | {"strategy": {"radius": 1.0}}, strategy={"name": "pgpe", "radius": 4.0}))
    advance(pgpe, 2)
    root = np.sqrt(pgpe.strategy.problem.dimension)
    assert pgpe.strategy.summary()["sigma_mean"] * root == pytest.approx(4.0)
    given = SHORT | {"strategy": {"learning_rate": 0.5}}
    pepg = begin(staged(given, strategy={"name": "pepg", "learning_rate": 0.25, "learning_rate_decay": 0.5}))
    advance(pepg, 2)
    assert pepg.strategy.summary()["learning_rate"] == 0.25


@pytest.mark.parametrize("generations", range(1, 6))
@pytest.mark.parametrize("strategy", ["pgpe", "pepg", "openai_es", "snes"])
def test_a_restored_evolution_goes_on_bit_for_bit_in_every_stage(strategy: str, generations: int) -> None:
    few = FEW if strategy in {"pgpe", "openai_es"} else FEW | {"strategy": {}}
    spec = staged(SHORT, few, strategy={"name": strategy}, episode_seeds="member")
    whole = begin(spec)
    advance(whole, generations)
    header, arrays = whole.checkpoint()
    resumed = begin(spec)
    resumed.restore(header, arrays)
    assert (resumed.stage, resumed.episode_cap) == (whole.stage, whole.episode_cap)
    for evolution in (whole, resumed):
        advance(evolution, 4)
    assert resumed.parameters_sha256() == whole.parameters_sha256()
    assert resumed.strategy.population_size == whole.strategy.population_size


def test_a_stage_ends_with_the_generation_after_the_test_that_reached_its_return() -> None:
    evolution = begin(staged({"until": {"test_return": 90}, "episodes_per_member": 1}))
    evolution.tested_return = 89.9
    advance(evolution, 2)
    assert evolution.stage == 0
    evolution.tested_return = 90.0
    advance(evolution, 1)
    assert evolution.stage == 1


def test_a_stage_trains_on_its_own_environment_and_is_tested_on_the_task_itself() -> None:
    easier = {"until": {"generations": 2}, "environment": {"id": "CartPole-v0", "max_episode_steps": 50}}
    evolution = begin(staged(easier))
    training, test = training_batch(evolution, evolution.strategy.ask()), batch_of_test(evolution)
    trained, tested = training.header.rollouts.environment, test.header.rollouts.environment
    assert (trained.id, trained.max_episode_steps) == ("CartPole-v0", 50)
    assert (tested.id, tested.max_episode_steps) == ("CartPole-v1", 100)


def test_a_stage_runs_on_the_engine_that_it_names_and_else_on_the_tasks() -> None:
    named = {"until": {"generations": 1}, "environment": {"engine": "gymnasium"}}
    evolution = begin(staged(named, named | {"until": {"generations": 2}, "environment": {"id": "CartPole-v0"}}))
    engines = []
    for _ in range(3):
        training, test = training_batch(evolution, evolution.strategy.ask()), batch_of_test(evolution)
        engines.append([batch.header.rollouts.environment.engine for batch in (training, test)])
        evolution.learn(result(evolution, evolution.generation))
        evolution.end_stage_if_due(0.0)
    assert engines == [["gymnasium", "envpool"], ["envpool", "envpool"], ["envpool", "envpool"]]


def test_a_model_of_any_stage_is_of_the_task() -> None:
    evolution = begin(staged({"until": {"generations": 2}, "environment": {"id": "CartPole-v0"}}))
    assert evolution.spec.environment != evolution.whole.environment
    assert evolution.model().metadata.environment == evolution.whole.environment


def test_a_test_is_confirmed_on_fresh_episodes() -> None:
    evolution = begin(cartpole(test={"every": 1, "episodes": 5, "confirm_episodes": 20}))
    advance(evolution, 1)
    test, again = batch_of_test(evolution), confirming_batch(evolution)
    assert again is not None
    assert (len(test), len(again)) == (5, 20)
    assert not np.isin(test.seeds, again.seeds).any()


@pytest.mark.parametrize(
    ("stage", "strategy", "field"),
    [
        ({"strategy": {"optimizer": {"name": "adam"}}}, {"name": "pgpe"}, "curriculum.0.strategy"),
        ({"population_size": 8}, {"name": "cma_es"}, "curriculum.0.population_size"),
    ],
)
def test_a_stage_that_could_not_go_on_from_the_one_before_is_refused(
    stage: dict[str, Any], strategy: dict[str, Any], field: str
) -> None:
    spec = staged({"until": {"generations": 2}} | stage, strategy=strategy, episode_seeds="member")
    with pytest.raises(InvalidInput, match=field):
        begin(spec)
