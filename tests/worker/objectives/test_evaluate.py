"""Units of evaluations, in process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from seedcast.services.worker.objectives import evaluate_unit, registry
from seedcast.services.worker.objectives.registry import OBJECTIVES, describe
from seedcast.shared.errors import InvalidInput
from seedcast.shared.perturbations import GaussianMembers, NoiseKey
from seedcast.shared.protocol import Unit, UnitHeader
from seedcast.shared.protocol.members import header_fields
from seedcast.shared.spec.objective import ObjectiveSpec
from tests.processes import PLUGINS


@pytest.fixture(autouse=True)
def plugins(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Install the package of `tests/plugins`."""
    monkeypatch.syspath_prepend(str(PLUGINS))
    forget()
    yield
    monkeypatch.undo()
    forget()


def forget() -> None:
    vars(OBJECTIVES).pop("_loaded", None)
    registry._make.cache_clear()


def spec(id_: str, **kwargs: Any) -> ObjectiveSpec:
    return ObjectiveSpec(id=id_, kwargs=kwargs)


def unit(objective: ObjectiveSpec, solutions: list[list[float]], **header: Any) -> Unit:
    rows = np.arange(len(solutions), dtype=np.int32)
    checked = UnitHeader(objective=objective, **header)
    return Unit(checked, np.array(solutions, np.float32), rows, np.zeros(len(rows), np.int32))


def test_returns_are_in_the_objectives_own_sign_and_fitness_is_maximised() -> None:
    minimised = spec("faulty")
    result = evaluate_unit(unit(minimised, [[0.25, 0], [-3, 0]]), minimised)
    assert result.returns.tolist() == [0.25, -3.0]
    assert result.fitness.tolist() == [-0.25, 3.0]
    assert result.lengths.tolist() == [1, 1]
    maximised = spec("bounded")
    result = evaluate_unit(unit(maximised, [[1, 1, 0]]), maximised)
    assert result.fitness.tolist() == result.returns.tolist() == [2.0]


@pytest.mark.parametrize(
    ("how", "kind", "said"),
    [
        ("raise", "exception", "RuntimeError: the reactor is too hot"),
        ("exit", "exception", "SystemExit: 3"),
        ("nan", "invalid", "the value is nan"),
        ("huge", "invalid", "the value is beyond ±1e+30: -1e+300"),
        ("shape", "invalid", "evaluate returned shape (1, 1) for 1 solutions, not (1,)"),
        ("text", "invalid", "evaluate returned no numbers but <U4"),
    ],
)
def test_a_fault_costs_the_solutions_that_it_comes_with_and_no_other(how: str, kind: str, said: str) -> None:
    faulty = spec("faulty", how=how)
    solutions = [[float(index == 11) * 2, 0.0] for index in range(20)]
    result = evaluate_unit(unit(faulty, solutions), faulty)
    (failure,) = result.failures
    assert (failure.kind, failure.message, failure.rollouts) == (kind, said, [11])
    assert np.isnan(result.returns).nonzero()[0].tolist() == [11]
    assert np.isnan(result.fitness).nonzero()[0].tolist() == [11]
    assert result.lengths[11] == 0


def test_an_objective_sees_no_point_outside_of_its_bounds() -> None:
    bounded = spec("bounded")
    far = [[50.0, -70.0, 1e6], [1.0, 1.0, 1.0], [-1.0, 0.0, 2.0]]
    result = evaluate_unit(unit(bounded, far), bounded)
    assert result.failures == []
    assert result.returns[1] == 3.0


def test_members_by_description_and_written_out_have_the_same_values() -> None:
    sphere, mean = spec("sphere", dimension=50), np.zeros(50, np.float32)
    key, order = NoiseKey(seed=1, generation=2, mirrored=True), np.arange(9, dtype=np.int32)
    members = GaussianMembers(mean, np.ones(1, np.float32), key, order)
    header = UnitHeader(objective=sphere, **header_fields(members))
    described = evaluate_unit(Unit(header, members, order, order), sphere)
    written = evaluate_unit(unit(sphere, np.asarray(members).tolist()), sphere)
    assert described.returns.tobytes() == written.returns.tobytes()


def test_the_unit_is_given_up_between_two_batches() -> None:
    class GivenUp(BaseException):
        pass

    calls = iter(range(4))

    def check() -> None:
        if next(calls) == 3:
            raise GivenUp

    sphere = spec("sphere", dimension=2)
    with pytest.raises(GivenUp):
        evaluate_unit(unit(sphere, [[0.0, 0.0]] * 100), sphere, check)


@pytest.mark.parametrize(
    ("objective", "said"),
    [
        (spec("none_such"), r"objective\.id: is not one of bounded, .*ellipsoid"),
        (spec("missing"), r"objective\.id: cannot be used: cannot be imported \(ModuleNotFoundError"),
        (spec("no_objective"), r"objective\.id: is no objective \(AttributeError: .*direction"),
        (
            spec("sphere", dimension=1),
            r"objective\.kwargs: sphere cannot be made \(ValueError: dimension is from 2",
        ),
        (spec("faulty", hwo="raise"), r"objective\.kwargs: .*'hwo'; it takes how, dimension"),
    ],
)
def test_what_is_no_objective_is_refused_by_name(objective: ObjectiveSpec, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        describe(objective)


def test_an_objective_of_ours_cannot_be_replaced() -> None:
    broken = {(plugin.name, plugin.package): plugin.broken for plugin in OBJECTIVES.broken}
    assert "cannot replace it" in str(broken["sphere", "seedcast-test-environments"])
    assert describe(spec("sphere", dimension=7)).dimension == 7


def test_solutions_of_another_dimension_are_refused() -> None:
    sphere = spec("sphere", dimension=3)
    with pytest.raises(InvalidInput, match="parameters: has rows of 2 values, the objective has 3"):
        evaluate_unit(unit(sphere, [[0.0, 0.0]]), sphere)
