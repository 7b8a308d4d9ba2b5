"""What every registered strategy keeps; a new one is held to it as soon as it is registered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from services.master.strategies.base import FitnessError, Problem, State, Strategy, StrategyOrderError
from shared.frame import decode_frame, encode_frame
from shared.spec.strategies import STRATEGIES

DIMENSION = 10
POPULATION = 32
TARGET = 1.0

names = pytest.mark.parametrize("name", sorted(STRATEGIES))


def build(name: str, seed: int = 1, dimension: int = DIMENSION, population: int = POPULATION) -> Strategy:
    strategy = cast("type[Strategy]", STRATEGIES[name])
    problem = Problem(population, seed, np.zeros(dimension, np.float32))
    return strategy(strategy.Spec(name=name), problem)


def sphere(members: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return -|x - 1|², whose maximum is 0."""
    return np.asarray(-np.square(members.astype(np.float64) - TARGET).sum(axis=1))


def members_of(strategy: Strategy) -> NDArray[np.float32]:
    return strategy.ask().rows(0, strategy.problem.population_size)


def train(
    strategy: Strategy,
    generations: int,
    fitness: Callable[[NDArray[np.float32]], NDArray[np.float64]] = sphere,
) -> Strategy:
    for _ in range(generations):
        strategy.tell(fitness(members_of(strategy)))
    return strategy


def through_a_checkpoint(state: State) -> State:
    return decode_frame(encode_frame("{}", state))[1]


@names
def test_the_sphere_is_solved_to_a_twentieth_in_200_generations(name: str) -> None:
    strategy = build(name)
    before = sphere(strategy.mean[None])[0]
    after = sphere(train(strategy, 200).mean[None])[0]
    assert after > before / 20


@names
def test_the_same_seed_gives_the_same_run(name: str) -> None:
    one, other = train(build(name), 5), train(build(name), 5)
    assert np.array_equal(members_of(one), members_of(other))
    assert np.array_equal(one.mean, other.mean)


@names
def test_another_seed_gives_another_population(name: str) -> None:
    assert not np.isclose(members_of(build(name, seed=1)), members_of(build(name, seed=2))).any()


@names
def test_another_generation_draws_other_noise(name: str) -> None:
    strategy = build(name)
    first = members_of(strategy) - strategy.mean
    strategy.tell(np.arange(POPULATION, dtype=np.float64))
    second = members_of(strategy) - strategy.mean
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.5


@names
@pytest.mark.parametrize("generations_before", [0, 1, 7])
def test_a_restored_run_equals_the_uninterrupted_one_bit_for_bit(name: str, generations_before: int) -> None:
    uninterrupted = train(build(name), generations_before)
    restored = build(name)
    restored.restore(through_a_checkpoint(uninterrupted.state()))
    for _ in range(40):
        members = members_of(uninterrupted)
        assert members.tobytes() == members_of(restored).tobytes()
        uninterrupted.tell(sphere(members))
        restored.tell(sphere(members))
    assert_same_state(restored.state(), uninterrupted.state())


@names
def test_restoring_forgets_what_happened_since(name: str) -> None:
    strategy = train(build(name), 3)
    state = strategy.state()
    expected = members_of(strategy)
    strategy.tell(sphere(expected))
    train(strategy, 2).ask()
    strategy.restore(state)
    assert np.array_equal(members_of(strategy), expected)


@names
def test_a_state_does_not_change_once_taken(name: str) -> None:
    strategy = train(build(name), 3)
    state = strategy.state()
    kept = {key: value.copy() for key, value in state.items()}
    restored = build(name)
    restored.restore(state)
    train(strategy, 3)
    train(restored, 3)
    assert_same_state(state, kept)


@names
def test_a_state_survives_a_checkpoint_with_shapes_and_types(name: str) -> None:
    state = train(build(name), 3).state()
    assert_same_state(through_a_checkpoint(state), state)


@names
def test_a_second_ask_without_a_tell_is_refused(name: str) -> None:
    strategy = build(name)
    strategy.ask()
    with pytest.raises(StrategyOrderError, match=r"ask\(\) was called twice"):
        strategy.ask()


@names
def test_a_tell_without_an_ask_is_refused(name: str) -> None:
    strategy = train(build(name), 1)
    with pytest.raises(StrategyOrderError, match=r"tell\(\) was called without calling ask"):
        strategy.tell(np.zeros(POPULATION))


@names
def test_no_state_is_given_between_ask_and_tell(name: str) -> None:
    strategy = build(name)
    strategy.ask()
    with pytest.raises(StrategyOrderError, match=r"between ask\(\) and tell"):
        strategy.state()


@names
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_fitness_that_is_not_finite_is_refused_by_member(name: str, wrong: float) -> None:
    strategy = build(name)
    fitness = sphere(members_of(strategy))
    fitness[5] = wrong
    with pytest.raises(FitnessError, match=f"member 5 is {wrong}"):
        strategy.tell(fitness)


@names
def test_fitness_of_another_shape_is_refused_with_its_shape(name: str) -> None:
    strategy = build(name)
    strategy.ask()
    with pytest.raises(FitnessError, match=rf"\({POPULATION - 1},\).*\({POPULATION},\)"):
        strategy.tell(np.zeros(POPULATION - 1))


@names
def test_refused_fitness_leaves_the_population_to_be_told(name: str) -> None:
    strategy, untroubled = build(name), build(name)
    fitness = sphere(members_of(strategy))
    with pytest.raises(FitnessError):
        strategy.tell(np.full(POPULATION, np.nan))
    strategy.tell(fitness)
    assert_same_state(strategy.state(), train(untroubled, 1).state())


@names
def test_the_population_is_read_only_float32_and_c_ordered(name: str) -> None:
    rows = members_of(build(name))
    assert rows.dtype == np.float32
    assert rows.shape == (POPULATION, DIMENSION)
    assert rows.flags.c_contiguous
    with pytest.raises(ValueError, match="read-only"):
        rows[0, 0] = 1.0


@names
def test_a_range_of_rows_has_the_bits_of_the_whole_population(name: str) -> None:
    population = build(name).ask()
    whole = population.rows(0, POPULATION)
    assert len(population) == POPULATION
    for start, stop in [(0, 1), (1, 2), (3, 8), (4, 9), (POPULATION - 1, POPULATION)]:
        assert np.array_equal(population.rows(start, stop), whole[start:stop])


@names
def test_only_the_order_of_the_fitness_counts_by_default(name: str) -> None:
    # A penalty or decay is taken off the fitness before it is ranked, so here there is none.
    strategy = cast("type[Strategy]", STRATEGIES[name])
    penalties = {"l2_penalty", "weight_decay"} & set(strategy.Spec.model_fields)
    spec = strategy.Spec.model_validate({"name": name} | dict.fromkeys(penalties, 0))
    problem = Problem(POPULATION, 1, np.zeros(DIMENSION, np.float32))
    plain, stretched = strategy(spec, problem), strategy(spec, problem)
    train(plain, 10)
    train(stretched, 10, lambda members: np.exp(sphere(members) / 10) * 1000 - 3)
    assert_same_state(plain.state(), stretched.state())


@names
def test_members_2i_and_2i_plus_1_mirror_one_another_if_the_strategy_says_so(name: str) -> None:
    strategy = train(build(name), 3)
    members = members_of(strategy).astype(np.float64)
    mirrored = np.allclose((members[0::2] + members[1::2]) / 2, strategy.mean, atol=1e-6)
    assert mirrored == strategy.mirrored


@names
def test_an_odd_population_is_refused_by_the_mirrored_and_only_by_them(name: str) -> None:
    strategy = STRATEGIES[name]
    assert (strategy.refuse_population_size(33) is not None) == strategy.mirrored
    assert strategy.refuse_population_size(32) is None


@names
def test_the_smallest_population_that_is_not_refused_works(name: str) -> None:
    smallest = next(size for size in range(2, 9) if STRATEGIES[name].refuse_population_size(size) is None)
    strategy = train(build(name, population=smallest), 3)
    assert np.isfinite(strategy.mean).all()


@names
def test_equal_fitness_for_all_keeps_everything_finite(name: str) -> None:
    strategy = train(build(name), 5, lambda members: np.zeros(len(members)))
    assert all(np.isfinite(value).all() for value in strategy.state().values())


@names
def test_numpys_global_generator_is_neither_used_nor_changed(name: str) -> None:
    np.random.seed(1)
    expected = np.random.random(4)
    np.random.seed(1)
    one = train(build(name), 3)
    assert np.array_equal(np.random.random(4), expected)
    np.random.seed(2)
    assert np.array_equal(one.mean, train(build(name), 3).mean)


@names
def test_nothing_is_printed_and_no_file_is_written(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    train(build(name), 20)
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


@names
def test_the_mean_is_float32_and_starts_where_the_problem_says(name: str) -> None:
    strategy = cast("type[Strategy]", STRATEGIES[name])
    initial = np.linspace(-1, 1, DIMENSION, dtype=np.float32)
    mean = strategy(strategy.Spec(name=name), Problem(POPULATION, 1, initial)).mean
    assert mean.dtype == np.float32
    assert np.array_equal(mean, initial)


@names
def test_the_summary_is_finite_numbers_to_plot(name: str) -> None:
    summary = train(build(name), 3).summary()
    assert summary
    assert all(isinstance(value, float) and np.isfinite(value) for value in summary.values())


@names
def test_every_hyperparameter_is_described_and_its_numbers_are_bounded(name: str) -> None:
    properties = STRATEGIES[name].Spec.model_json_schema()["properties"]
    for field, schema in properties.items():
        if field == "name":
            continue
        assert schema.get("description"), field
        for variant in [schema, *schema.get("anyOf", [])]:
            if variant.get("type") in {"number", "integer"}:
                assert {"minimum", "exclusiveMinimum"} & set(variant), field
                assert {"maximum", "exclusiveMaximum"} & set(variant), field


@names
def test_a_specification_read_back_from_json_is_the_same(name: str) -> None:
    spec = STRATEGIES[name].Spec(name=name)
    assert STRATEGIES[name].Spec.model_validate_json(spec.model_dump_json()) == spec


def assert_same_state(one: State, other: State) -> None:
    assert one.keys() == other.keys()
    for key, value in one.items():
        assert (value.dtype, value.shape) == (other[key].dtype, other[key].shape), key
        assert np.array_equal(value, other[key]), key
