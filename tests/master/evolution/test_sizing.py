"""How large a population is after a generation whose episodes were so long."""

from __future__ import annotations

import numpy as np
import pytest

from seedcast.services.master.evolution.batches import training_batch
from seedcast.services.master.evolution.sizing import next_population_size
from seedcast.services.master.evolution.state import Evolution
from seedcast.services.master.strategies.pgpe import PGPE
from seedcast.shared.errors import InvalidInput
from seedcast.shared.spec.experiment import ExperimentSpec
from tests.master.evolution.test_state import begin, result
from tests.specs import cartpole


def adaptive(**changes: object) -> ExperimentSpec:
    """Two episodes a member, 16 to 64 members, 1,000 steps a generation."""
    return cartpole(adaptive_population={"environment_steps": 1000, "maximum": 64}, **changes)


@pytest.mark.parametrize(
    ("mean_length", "expected"),
    [
        (1.0, 64),  # 500 members would be needed
        (7.8, 64),
        (10.0, 50),
        (9.9, 52),  # 50.5, rounded up to pairs
        (31.0, 18),  # 16.1
        (31.25, 16),
        (100.0, 16),  # 5 would do
    ],
)
def test_the_population_uses_the_steps_aimed_at_within_its_bounds(mean_length: float, expected: int) -> None:
    assert next_population_size(adaptive(), mean_length) == expected


@pytest.mark.parametrize("mean_length", [0.0, 5e-324])
def test_no_length_is_too_short_to_divide_by(mean_length: float) -> None:
    assert next_population_size(adaptive(), mean_length) == 64


def test_without_a_target_the_population_keeps_its_size() -> None:
    assert next_population_size(cartpole(), 3.0) == 16


def advance(evolution: Evolution, length: int) -> int:
    """Run a generation of so long episodes and return the number of rollouts it had."""
    batch = training_batch(evolution, evolution.strategy.ask())
    made = result(evolution, evolution.generation)
    made.lengths[:] = length
    evolution.learn(made)
    return len(batch)


def test_batches_follow_the_population_and_their_seeds_fit() -> None:
    evolution = begin(adaptive())
    assert [advance(evolution, length) for length in (10, 100, 1, 100)] == [32, 100, 32, 128]
    assert evolution.strategy.population_size == 16


def test_an_evolution_restored_at_another_size_goes_on_bit_for_bit() -> None:
    whole = begin(adaptive())
    advance(whole, 10)
    resumed = begin(adaptive())
    resumed.restore(*whole.checkpoint())
    assert resumed.strategy.population_size == 50
    for length in (20, 5):
        assert advance(resumed, length) == advance(whole, length)
    assert resumed.parameters_sha256() == whole.parameters_sha256()
    np.testing.assert_array_equal(resumed.strategy.ask().rows(0, 64), whole.strategy.ask().rows(0, 64))


def test_memory_is_reckoned_for_the_largest_population(monkeypatch: pytest.MonkeyPatch) -> None:
    def dense(_spec: object, dimension: int, population_size: int) -> int:
        return 4 * dimension * population_size

    monkeypatch.setattr(PGPE, "memory_bytes", dense)
    monkeypatch.setattr(PGPE, "memory_limit", 4 * 10 * 40)
    assert begin(cartpole()).generation == 0
    with pytest.raises(InvalidInput, match=r"adaptive_population\.maximum: .*64 members.*; 40 members fit"):
        begin(adaptive())


def test_a_refusal_names_the_strategies_that_fit() -> None:
    spec = cartpole(
        strategy={"name": "cma_es"}, episode_seeds="member", policy={"name": "mlp", "hidden": [150, 150]}
    )
    with pytest.raises(InvalidInput, match=r"policy: .* GiB .*parameters fit, or the strategies .*pepg, pgpe"):
        begin(spec)


def test_a_refusal_names_the_size_of_the_matrix_and_the_forms_of_the_strategy_without_one() -> None:
    matrix = r"one 23702 x 23702 matrix of its covariance takes 4\.2 GiB"
    others = r"cma_es with covariance: diagonal, cma_es with covariance: vkd, cr_fm_nes"
    spec = cartpole(
        strategy={"name": "cma_es"}, episode_seeds="member", policy={"name": "mlp", "hidden": [150, 150]}
    )
    with pytest.raises(InvalidInput, match=f"{matrix}.*{others}"):
        begin(spec)
