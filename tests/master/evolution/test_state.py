"""The evolution between two generations, fed with made-up results."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from seedcast.services.master.dispatch.batch import BatchFailed, BatchResult
from seedcast.services.master.evolution.batches import test_batch as batch_of_test
from seedcast.services.master.evolution.batches import training_batch, training_seeds
from seedcast.services.master.evolution.state import Evolution
from seedcast.shared.errors import InvalidInput
from seedcast.shared.model import Model
from seedcast.shared.observation_stats import Normaliser
from seedcast.shared.protocol import Failure
from seedcast.shared.spec.environment import ContinuousActions, DiscreteActions, EnvironmentDescription
from seedcast.shared.spec.experiment import ExperimentSpec
from tests.specs import cartpole

DESCRIPTION = EnvironmentDescription(
    observation_size=4, actions=DiscreteActions(count=2), max_episode_steps=100, engine="envpool"
)


def begin(spec: ExperimentSpec, warm_start: Model | None = None) -> Evolution:
    return Evolution.begin("e", spec, DESCRIPTION, warm_start)


def result(evolution: Evolution, seed: int) -> BatchResult:
    """Make results up, as different from one another as real ones."""
    rng = np.random.default_rng(seed)
    rollouts = evolution.strategy.population_size * evolution.spec.episodes_per_member
    made = BatchResult.empty(rollouts)
    made.returns[:] = made.fitness[:] = rng.normal(size=rollouts)
    made.lengths[:] = rng.integers(1, 100, rollouts)
    made.observation_sums = rng.normal(size=(rollouts, 4))
    made.observation_squares = rng.normal(size=(rollouts, 4)) ** 2
    return made


def advance(evolution: Evolution, generations: int) -> None:
    for _ in range(generations):
        evolution.strategy.ask()
        evolution.learn(result(evolution, evolution.generation))


@pytest.mark.parametrize(
    "strategy",
    [
        {"name": "pgpe"},
        {"name": "pepg"},
        {"name": "cma_es"},
        {"name": "openai_es", "sigma_schedule": {"name": "cosine", "environment_steps": 20_000}},
    ],
    ids=lambda values: values["name"],
)
def test_a_restored_evolution_goes_on_bit_for_bit(strategy: dict[str, object]) -> None:
    spec = cartpole(
        strategy=strategy, episode_seeds="member", fitness={"episode_cap": {"minimum": 10, "multiple": 1.5}}
    )
    whole = begin(spec)
    advance(whole, 3)
    header, arrays = whole.checkpoint()
    advance(whole, 4)
    resumed = begin(spec)
    resumed.restore(header, arrays)
    advance(resumed, 4)
    assert resumed.parameters_sha256() == whole.parameters_sha256()
    assert resumed.episode_cap == whole.episode_cap
    assert resumed.environment_steps == whole.environment_steps
    assert whole.normaliser is not None
    assert resumed.normaliser is not None
    np.testing.assert_array_equal(resumed.normaliser.std, whole.normaliser.std)


@pytest.mark.parametrize(("shared", "groups"), [("generation", 1), ("pair", 8), ("member", 16)])
def test_members_share_episode_seeds_as_the_specification_says(shared: str, groups: int) -> None:
    seeds = training_seeds(cartpole(episode_seeds=shared), generation=3, population_size=16)
    assert seeds.shape == (16, 2)
    assert len(np.unique(seeds, axis=0)) == groups
    if shared == "pair":
        np.testing.assert_array_equal(seeds[0::2], seeds[1::2])


def test_every_generation_has_episodes_of_its_own() -> None:
    spec = cartpole()
    assert not np.isin(training_seeds(spec, 1, 16), training_seeds(spec, 2, 16)).any()


def test_a_test_is_plain_and_uncapped_and_on_episodes_of_its_own() -> None:
    spec = cartpole(
        fitness={"drop_terminal_penalty": 100, "episode_cap": {"minimum": 10}},
        policy={"name": "linear", "action_noise": 0.5},
    )
    evolution = begin(spec)
    advance(evolution, 1)
    test, training = batch_of_test(evolution), training_batch(evolution, evolution.strategy.ask())
    assert training.header.shaping.drop_terminal_penalty == 100
    assert training.header.max_episode_steps is not None
    assert test.header.shaping.drop_terminal_penalty is None
    assert test.header.max_episode_steps is None
    assert (training.header.rollouts.policy.action_noise, test.header.rollouts.policy.action_noise) == (0.5, 0)
    assert not np.isin(test.seeds, training.seeds).any()
    np.testing.assert_array_equal(test.members(0, 1)[0], evolution.strategy.mean)


def failing(evolution: Evolution, *rollouts: int) -> BatchResult:
    made = result(evolution, 0)
    made.fitness[list(rollouts)] = np.nan
    made.failures = {rollout: Failure(kind="crash", message="segfault", rollouts=[0]) for rollout in rollouts}
    return made


def test_a_failed_member_is_ranked_with_the_worst() -> None:
    evolution = begin(cartpole())
    evolution.strategy.ask()
    fitness, failed = evolution.learn(failing(evolution, 4, 5, 9))
    assert failed == 2  # rollouts 4 and 5 are member 2's, rollout 9 is member 4's
    others = np.delete(fitness, [2, 4])
    assert fitness[2] == fitness[4] == others.min()


def test_a_failed_member_ends_the_experiment_where_the_specification_says_so() -> None:
    evolution = begin(cartpole(fitness={"failed_member": "fail"}))
    evolution.strategy.ask()
    with pytest.raises(BatchFailed, match="crash: segfault"):
        evolution.learn(failing(evolution, 4))


@pytest.mark.parametrize(
    ("fitness", "expected"),
    [
        ({"aggregate": "mean"}, 4.0),
        ({"aggregate": "median"}, 3.0),
        ({"aggregate": "min"}, 1.0),
        ({"aggregate": "quantile", "quantile": 0.75}, 5.5),
    ],
    ids=lambda value: value["aggregate"] if isinstance(value, dict) else "",
)
def test_a_members_episodes_are_aggregated(fitness: dict[str, object], expected: float) -> None:
    evolution = begin(cartpole(episodes_per_member=3, fitness=fitness))
    evolution.strategy.ask()
    made = result(evolution, 0)
    made.fitness[:] = np.tile([1.0, 8.0, 3.0], 16)
    learnt, _ = evolution.learn(made)
    np.testing.assert_array_equal(learnt, np.full(16, expected))


@pytest.mark.parametrize(
    ("cap", "lengths", "caps"),
    [
        ({"minimum": 20, "multiple": 2}, (5, 30, 99), [20, 20, 60, 100]),
        ({"minimum": 40, "multiple": 1.25, "growth": 1.5}, (31, 32, 60, 1, 50, 99), [40, 40, 60, 90, 90, 90, 100]),
    ],
)
def test_the_episode_cap_follows_the_mean_length_within_its_bounds(
    cap: dict[str, Any], lengths: tuple[int, ...], caps: list[int]
) -> None:
    evolution = begin(cartpole(fitness={"episode_cap": cap}))
    found = [evolution.episode_cap]
    for length in lengths:
        evolution.strategy.ask()
        made = result(evolution, 0)
        made.lengths[:] = length
        evolution.learn(made)
        found.append(evolution.episode_cap)
    assert found == caps


def test_a_warm_start_begins_with_the_models_parameters_and_normaliser() -> None:
    first = begin(cartpole())
    advance(first, 3)
    second = begin(cartpole(seed=8), first.model())
    np.testing.assert_array_equal(second.strategy.mean, first.strategy.mean)
    assert second.normaliser is not None
    assert first.normaliser is not None
    np.testing.assert_allclose(second.normaliser.mean, first.normaliser.mean, rtol=1e-6)
    np.testing.assert_allclose(second.normaliser.std, first.normaliser.std, rtol=1e-4)


@pytest.mark.parametrize(("observations", "moves"), [(None, False), (10**9, False), (2, True)])
def test_a_normaliser_that_counts_for_little_adapts_to_the_new_task(observations: int | None, moves: bool) -> None:
    first = begin(cartpole())
    advance(first, 300)
    spec = cartpole(warm_start="models/m.npz", warm_start_observations=observations)
    second = begin(spec, first.model())
    assert first.normaliser is not None
    assert second.normaliser is not None
    np.testing.assert_allclose(second.normaliser.mean, first.normaliser.mean, rtol=1e-6)
    second.strategy.ask()
    made = result(second, 0)
    made.observation_sums = np.full((len(made.lengths), 4), 5.0) * made.lengths[:, None]
    made.observation_squares = np.full((len(made.lengths), 4), 26.0) * made.lengths[:, None]
    second.learn(made)
    assert second.normaliser is not None
    assert (second.normaliser.mean > 4.9).all() == moves
    assert (np.abs(second.normaliser.mean) < 0.5).all() != moves


def test_a_weight_of_a_normaliser_needs_a_model_to_start_from() -> None:
    with pytest.raises(ValidationError, match="give warm_start, too"):
        cartpole(warm_start_observations=5)


def test_the_least_score_to_confirm_needs_something_to_confirm_it_on() -> None:
    with pytest.raises(ValidationError, match="give confirm_episodes, too"):
        cartpole(test={"confirm_from": 5})


MLP = {"name": "mlp", "hidden": [3], "activation": "tanh"}


@pytest.mark.parametrize(
    ("there", "here", "reason"),
    [
        (MLP, MLP | {"activation": "relu"}, "the model's policy.activation is tanh, here it is relu"),
        (MLP, MLP | {"hidden": [4]}, r"the model's policy.hidden is \[3\], here it is \[4\]"),
        (MLP, {"name": "linear"}, "the model's policy.name is mlp, here it is linear"),
        (
            MLP | {"normalise_observations": True},
            MLP,
            "the model's policy.normalise_observations is True, here it is False",
        ),
        (
            MLP,
            MLP | {"normalise_observations": True},
            "the model's policy.normalise_observations is False, here it is True",
        ),
    ],
)
def test_a_warm_start_of_another_policy_is_refused_with_the_field(
    there: dict[str, Any], here: dict[str, Any], reason: str
) -> None:
    model = begin(cartpole(policy=there)).model()
    with pytest.raises(InvalidInput, match=f"warm_start: {reason}"):
        begin(cartpole(policy=here), model)


def test_a_warm_start_may_explore_in_another_way() -> None:
    model = begin(cartpole(policy=MLP | {"initial_std": 1})).model()
    warm = begin(cartpole(policy=MLP | {"action_noise": 0.1}), model)
    np.testing.assert_array_equal(warm.strategy.mean, model.parameters)


def box(*bounds: float | None) -> EnvironmentDescription:
    actions = ContinuousActions(low=[None if bound is None else -bound for bound in bounds], high=list(bounds))
    return DESCRIPTION.model_copy(update={"actions": actions})


def test_a_warm_start_with_other_actions_is_refused() -> None:
    spec = cartpole(policy=MLP)
    model = Evolution.begin("e", spec, box(0.4, None)).model()
    for other in (box(1.0, None), box(0.4, 1.0), box(0.4, None, None), DESCRIPTION):
        with pytest.raises(InvalidInput, match="warm_start: the model's action space is "):
            Evolution.begin("e", spec, other, model)
    rounded = box(float(np.float32(0.4)), None)
    assert Evolution.begin("e", spec, rounded, model).strategy.mean.tolist() == model.parameters.tolist()


def test_a_warm_start_without_its_normaliser_or_with_another_ones_is_refused() -> None:
    model = begin(cartpole()).model()
    with pytest.raises(InvalidInput, match="its normaliser is missing"):
        begin(cartpole(), model.model_copy(update={"normaliser": None}))
    narrow = model.model_copy(update={"normaliser": Normaliser.identity(3)})
    with pytest.raises(InvalidInput, match="the model's observation size is 3, here it is 4"):
        begin(cartpole(), narrow)


def test_failed_rollouts_shorten_no_mean_length() -> None:
    spec = cartpole(fitness={"episode_cap": {"minimum": 10, "multiple": 2}})
    evolution = begin(spec)
    evolution.strategy.ask()
    made = result(evolution, 0)
    made.lengths[:] = 10
    failed = np.arange(len(made.lengths)) < len(made.lengths) // 2
    made.returns[failed] = made.fitness[failed] = np.nan
    made.lengths[failed] = 0
    assert made.mean_length == 10
    evolution.learn(made)
    assert evolution.episode_cap == 20


@pytest.mark.parametrize(
    "strategy",
    [{"name": "pgpe"}, {"name": "pepg"}, {"name": "cma_es"}, {"name": "cma_es", "covariance": "diagonal"}],
    ids=["pgpe", "pepg", "cma_es", "diagonal"],
)
def test_a_checkpoint_needs_no_model_to_start_from(strategy: dict[str, object]) -> None:
    model = begin(cartpole(policy={"name": "linear", "normalise_observations": True, "initial_std": 1})).model()
    spec = cartpole(strategy=strategy, episode_seeds="member")
    whole = begin(spec, model)
    advance(whole, 2)
    resumed = begin(spec)
    resumed.restore(*whole.checkpoint())
    for evolution in (whole, resumed):
        advance(evolution, 3)
    assert resumed.parameters_sha256() == whole.parameters_sha256()


CMA_ES = {"name": "cma_es"}


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"population_size": 4, "policy": {"name": "mlp", "hidden": [4096] * 3}}, "policy", "parameters fit"),
        ({"strategy": CMA_ES, "policy": {"name": "mlp", "hidden": [150, 150]}}, "policy", "parameters fit"),
        (
            {
                "strategy": CMA_ES | {"covariance": "diagonal"},
                "population_size": 100_000,
                "policy": {"name": "mlp", "hidden": [500]},
            },
            "population_size",
            "members fit",
        ),
    ],
    ids=["vectors", "matrices", "members"],
)
def test_a_search_beyond_the_memory_is_refused_before_anything_is_allocated(
    changes: dict[str, object], field: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def allocated(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("seedcast.shared.policies.base.Policy.initial_parameters", allocated)
    spec = cartpole(episodes_per_member=1, episode_seeds="member", **changes)
    with pytest.raises(InvalidInput, match=rf"{field}: .* GiB .* over the limit of \d GiB; \d+ {reason}"):
        begin(spec)


def test_what_is_said_to_fit_is_accepted() -> None:
    spec = cartpole(
        strategy=CMA_ES | {"covariance": "diagonal"},
        episode_seeds="member",
        population_size=100_000,
        episodes_per_member=1,
        policy={"name": "mlp", "hidden": [2500]},
    )
    with pytest.raises(InvalidInput) as refused:
        begin(spec)
    fitting = int(refused.value.errors[0].reason.split("; ")[1].split()[0])
    assert begin(spec.model_copy(update={"population_size": fitting})).generation == 0
    with pytest.raises(InvalidInput):
        begin(spec.model_copy(update={"population_size": fitting + 1}))


def test_the_strategy_knows_the_training_steps_wherever_they_are_counted() -> None:
    schedule = {"name": "linear", "environment_steps": 10_000, "final": 0.1}
    spec = cartpole(strategy={"name": "openai_es", "sigma_init": 1.0, "sigma_schedule": schedule}, retrain={})
    evolution = begin(spec)
    advance(evolution, 2)
    evolution.best = evolution.solution()
    evolution.go_back(dropped_steps=1234, dropped_seconds=1.0)
    assert evolution.environment_steps == evolution.strategy.environment_steps > 1234
    assert evolution.strategy.summary()["sigma"] == pytest.approx(1 - 0.9 * evolution.environment_steps / 10_000)
    header, arrays = evolution.checkpoint()
    restored = begin(spec)
    del arrays["strategy/environment_steps"]  # as checkpoints were before it was counted there
    restored.restore(header, arrays)
    assert restored.strategy.summary() == evolution.strategy.summary()


def test_a_symmetric_policy_sees_observations_and_their_mirror_images_alike() -> None:
    """Sums of made-up results are lopsided; those that are kept, and saved, and restored, are not."""
    symmetry = {"observations": {"swap": [[0, 3]], "negate": [1, 2]}, "actions": {"swap": [[0, 1]]}}
    spec = cartpole(policy={"name": "linear", "normalise_observations": True, "symmetry": symmetry})
    evolution = begin(spec)
    advance(evolution, 3)
    normaliser = evolution.normaliser
    assert normaliser is not None
    assert normaliser.mean[0] == normaliser.mean[3] != 0
    assert normaliser.std[0] == normaliser.std[3] != 1
    assert normaliser.mean[1:3].tolist() == [0, 0]
    again = begin(spec, evolution.model())
    assert again.normaliser is not None
    np.testing.assert_array_equal(again.normaliser.mean, normaliser.mean)
