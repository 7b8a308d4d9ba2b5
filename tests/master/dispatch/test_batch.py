from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seedcast.services.master.dispatch.batch import Batch, BatchResult
from seedcast.shared.policies.linear import LinearSpec
from seedcast.shared.protocol import Failure, UnitHeader, UnitResult
from seedcast.shared.spec.environment import EnvironmentSpec

HEADER = UnitHeader(environment=EnvironmentSpec(id="CartPole-v1"), policy=LinearSpec(name="linear"))


def batch(members: int, episodes: int) -> Batch:
    population = np.arange(members, dtype=np.float32)[:, None] * np.ones(3, np.float32)
    seeds = np.arange(members * episodes, dtype=np.int32).reshape(members, episodes)
    return Batch("e", HEADER, lambda start, stop: population[start:stop], seeds)


@given(st.integers(1, 7), st.integers(1, 5), st.data())
def test_a_unit_of_any_range_pairs_each_rollout_with_its_member_and_seed(
    members: int, episodes: int, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, members * episodes - 1))
    stop = data.draw(st.integers(start + 1, members * episodes))
    unit = batch(members, episodes).unit(range(start, stop))
    np.testing.assert_array_equal(unit.seeds, np.arange(start, stop))
    np.testing.assert_array_equal(unit.parameters[unit.rows][:, 0], np.arange(start, stop) // episodes)


def test_a_unit_has_as_many_members_as_a_size_holds_and_one_at_least() -> None:
    work = batch(members=7, episodes=5)  # of 3 parameters, 12 bytes
    assert [work.most_rollouts(size) for size in (1, 12, 35, 36)] == [5, 5, 10, 15]


def unit_result(span: range, failures: list[Failure]) -> UnitResult:
    values = np.arange(span.start, span.stop, dtype=np.float64)
    sums = np.repeat(values[:, None], 2, axis=1)
    return UnitResult(values, values * 2, values.astype(np.int32), sums, sums**2, failures)


def test_results_land_by_number_whatever_order_they_come_in() -> None:
    spans = [range(3), range(3, 4), range(4, 9)]
    results = []
    for order in (spans, spans[::-1]):
        result = BatchResult.empty(9)
        for span in order:
            result.store(span, unit_result(span, []))
        results.append(result)
    np.testing.assert_array_equal(results[0].returns, np.arange(9))
    for name in ("returns", "fitness", "lengths", "observation_sums", "observation_squares"):
        np.testing.assert_array_equal(getattr(results[0], name), getattr(results[1], name))


def test_failed_rollouts_leave_no_trace_in_the_results() -> None:
    result = BatchResult.empty(3)
    result.store(range(3), unit_result(range(3), [Failure(kind="invalid", message="NaN", rollouts=[2])]))
    assert np.isnan(result.returns[2])
    assert result.lengths[2] == 0
    assert result.observation_sums is not None
    assert not result.observation_sums[2].any()
    result.store(range(2, 3), unit_result(range(2, 3), []))
    np.testing.assert_array_equal(result.returns, [0, 1, 2])
