"""What a strategy says of itself: its hyperparameters, its figures, its memory."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise

import numpy as np
from pydantic import ValidationError

from seedcast.services.master.strategies.base import DISTRIBUTION, Problem
from seedcast.services.master.strategies.contract.settings import Settings, train

DIMENSIONS = (500, 20_000)
"""Parameters at which memory is measured: few where matrices take it, many where nothing else would show."""

OVERHEAD = 2**20
"""Bytes that do not count: objects, and whatever numpy caches."""


class Describing(Settings):
    """Hyperparameters, mean and summary, memory."""

    def test_the_mean_is_float32_and_starts_where_the_problem_says(self) -> None:
        initial = np.linspace(-1, 1, self.dimension, dtype=np.float32)
        mean = self.build(mean=initial).mean
        assert mean.dtype == np.float32
        assert np.array_equal(mean, initial)

    def test_the_summary_is_finite_numbers_to_plot(self) -> None:
        summary = train(self.build(), 3).summary()
        assert summary
        assert all(isinstance(value, float) and np.isfinite(value) for value in summary.values())

    def test_every_hyperparameter_is_described_and_its_numbers_are_bounded(self) -> None:
        properties = self.strategy.Spec.model_json_schema()["properties"]
        for field, schema in properties.items():
            if field == "name":
                continue
            assert schema.get("description"), f"{field} has no description"
            for variant in [schema, *schema.get("anyOf", [])]:
                if variant.get("type") in {"number", "integer"}:
                    assert {"minimum", "exclusiveMinimum"} & set(variant), f"{field} has no lower bound"
                    assert {"maximum", "exclusiveMaximum"} & set(variant), f"{field} has no upper bound"

    def test_what_begins_with_a_hyperparameter_is_declared(self) -> None:
        """A stage of a curriculum that gives it would be ignored otherwise: the state goes on."""
        given = self.spec()
        declared = self.strategy.begun_by
        fields = {field for names in declared.values() for field in names}
        assert fields <= set(self.strategy.Spec.model_fields), "begun_by names no such hyperparameter"
        begun = self.build(spec=given).state()
        assert set(declared) - {DISTRIBUTION} <= set(begun), "begun_by names no such array of the state"
        for field in self.strategy.Spec.model_fields:
            value = getattr(given, field)
            if isinstance(value, bool) or not isinstance(value, float):
                continue
            try:
                other = self.strategy.Spec.model_validate(given.model_dump() | {field: value / 2})
            except ValidationError:
                continue
            state = self.build(spec=other).state()
            for array, values in state.items():
                if not np.array_equal(values, begun[array]):
                    names = (*declared.get(array, ()), *declared.get(DISTRIBUTION, ()))
                    assert field in names, f"{array} begins with {field}, and begun_by omits it"

    def test_a_specification_read_back_from_json_is_the_same(self) -> None:
        spec = self.spec()
        assert self.strategy.Spec.model_validate_json(spec.model_dump_json()) == spec

    def test_it_says_when_to_choose_it_and_where_it_comes_from(self) -> None:
        assert (self.strategy.__doc__ or "").strip()
        assert self.strategy.suits.strip()
        assert self.strategy.paper.startswith("https://")

    def test_the_memory_it_says_it_needs_never_falls_as_the_problem_grows(self) -> None:
        spec = self.spec()
        for size in (2, 16, 1024, 100_000):
            needs = [self.strategy.memory_bytes(spec, dimension, size) for dimension in (1, 10, 1000, 10**6)]
            assert all(smaller <= larger for smaller, larger in pairwise(needs)), needs
        for dimension in (10, 10**6):
            needs = [self.strategy.memory_bytes(spec, dimension, size) for size in (2, 3, 16, 1024, 100_000)]
            assert all(smaller <= larger for smaller, larger in pairwise(needs)), needs

    def test_a_generation_takes_about_the_memory_it_says(self) -> None:
        spec, size = self.spec(), self.population_size
        needs = {dimension: self.strategy.memory_bytes(spec, dimension, size) for dimension in DIMENSIONS}
        dimension = next(
            (dimension for dimension in DIMENSIONS if needs[dimension] > 4 * OVERHEAD), DIMENSIONS[-1]
        )
        said, problem = needs[dimension], Problem(size, 1, np.zeros(dimension, np.float32))
        train(self.build(), 1)  # imports and caches
        tracemalloc.start()
        try:
            strategy = self.strategy(spec, problem)
            for _ in range(3):
                population = strategy.ask()
                for member in range(len(population)):
                    population.rows(member, member + 1)
                strategy.tell(np.arange(len(population), dtype=np.float64))
                strategy.state()
            used = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert used <= 1.5 * said + OVERHEAD, f"{used} bytes at its peak with {dimension} parameters, {said} said"
