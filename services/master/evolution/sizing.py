"""How large a population is: what memory allows, and what a target of environment steps asks for."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any, cast

from pydantic import ValidationError

from seedcast.services.master.strategies.base import Strategy
from seedcast.shared.errors import InvalidInput
from seedcast.shared.spec.experiment import ExperimentSpec
from seedcast.shared.spec.strategies import STRATEGIES


def next_population_size(spec: ExperimentSpec, mean_length: float) -> int:
    """Return the size of the population after a generation whose episodes took ``mean_length`` steps on average.

    The smallest that the strategy takes whose generation uses at least ``adaptive_population.environment_steps``
    if episodes stay that long, between ``population_size`` and the maximum.
    """
    if (adaptive := spec.adaptive_population) is None:
        return spec.population_size
    most = adaptive.maximum
    if mean_length * spec.episodes_per_member * most <= adaptive.environment_steps:
        return most
    wanted = math.ceil(adaptive.environment_steps / (mean_length * spec.episodes_per_member))
    sizes = range(max(wanted, spec.population_size), most)
    refuse = STRATEGIES[spec.strategy.name].refuse_population_size
    return next((size for size in sizes if refuse(size) is None), most)


def refuse_absurd(spec: ExperimentSpec, dimension: int) -> None:
    """Refuse a search over the strategy's memory limit, and say what would fit.

    Raises:
        InvalidInput: it needs more than the limit.
    """
    strategy = cast(type[Strategy], STRATEGIES[spec.strategy.name])

    def needs(dimension: int, members: int) -> int:
        return strategy.memory_bytes(spec.strategy, dimension, members)

    members, limit = spec.largest_population, strategy.memory_limit
    if (size := needs(dimension, members)) <= limit:
        return
    wanted = (
        f"{spec.strategy.name} with {members} members of {dimension} parameters needs {size / 2**30:.1f} GiB "
        f"of the master's memory{_matrix(strategy, spec, dimension)}, over the limit of {limit / 2**30:g} GiB"
    )
    fitting = bisect_right(range(members), limit, key=lambda fewer: needs(dimension, fewer)) - 1
    fitting -= fitting % 2 if strategy.mirrored else 0
    field = "adaptive_population.maximum" if spec.adaptive_population else "population_size"
    others = _others_that_fit(dimension, members)
    if fitting >= 2 and strategy.refuse_population_size(fitting) is None:
        raise InvalidInput.of(field, f"{wanted}; {fitting} members fit{others}", members)
    fitting = bisect_right(range(dimension), limit, key=lambda fewer: needs(fewer, members)) - 1
    raise InvalidInput.of("policy", f"{wanted}; {fitting} parameters fit{others}")


def _matrix(strategy: type[Strategy], spec: ExperimentSpec, dimension: int) -> str:
    """Say how large one matrix is, where the strategy has any of a size worth naming."""
    if (size := strategy.matrix_bytes(spec.strategy, dimension)) < 2**27:
        return ""
    return f" (one {dimension} x {dimension} matrix of its covariance takes {size / 2**30:.1f} GiB)"


def _forms(name: str, strategy: type[Strategy]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the strategy with its defaults and in its lighter forms, each as it is called."""
    yield name, {}
    for field, values in strategy.lighter.items():
        yield from ((f"{name} with {field}: {value}", {field: value}) for value in values)


def _others_that_fit(dimension: int, members: int) -> str:
    """Name the strategies that, with their defaults, take so much."""
    fitting = []
    for name in STRATEGIES:
        strategy = cast(type[Strategy], STRATEGIES[name])
        if strategy.refuse_population_size(members) is not None:
            continue
        for form, options in _forms(name, strategy):
            try:
                spec = strategy.Spec.model_validate({"name": name} | options)
            except ValidationError:  # a user's strategy may have hyperparameters without a default
                continue
            if strategy.memory_bytes(spec, dimension, members) <= strategy.memory_limit:
                fitting.append(form)
    return f", or the strategies {', '.join(fitting)}" if fitting else ""
