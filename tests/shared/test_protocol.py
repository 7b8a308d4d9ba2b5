"""Units and results: what goes in comes out, and what does not fit is refused by name."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seedcast.shared.errors import InvalidInput, ProtocolMismatch
from seedcast.shared.frame import encode_frame
from seedcast.shared.low_rank import LowRank, Matrix
from seedcast.shared.observation_stats import Normaliser
from seedcast.shared.perturbations import GaussianMembers, NoiseKey
from seedcast.shared.protocol import PROTOCOL_VERSION, Failure, Unit, UnitHeader, UnitJson, UnitResult
from seedcast.shared.protocol.members import header_fields
from seedcast.shared.seeding import noise

HEADER = UnitHeader.model_validate(
    {
        "environment": {"id": "CartPole-v1", "kwargs": {"a": [1, None, "x"]}},
        "policy": {"name": "mlp", "hidden": [3]},
        "shaping": {"drop_terminal_penalty": 100.0, "subtract_per_step": 0.5},
        "max_episode_steps": 77,
        "collect_statistics": True,
    }
)
ARRAYS: dict[str, Any] = {
    "parameters": np.arange(8, dtype=np.float32).reshape(2, 4) / 3,
    "rows": np.array([0, 1, 1], np.int32),
    "seeds": np.array([5, 6, 2**31 - 2], np.int32),
}
NORMALISER = Normaliser(np.array([0.1, 0.2], np.float32), np.array([1.5, 2.5], np.float32))


def unit(**changes: Any) -> Unit:
    return Unit(**({"header": HEADER, **ARRAYS, "normaliser": NORMALISER} | changes))


def frame(**changes: Any) -> bytes:
    arrays = {name: array for name, array in (ARRAYS | changes).items() if array is not None}
    return encode_frame(HEADER.model_dump_json(), arrays)


def assert_same(one: Unit, other: Unit) -> None:
    assert one.header == other.header
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert one.normaliser is not None
    assert other.normaliser is not None
    np.testing.assert_array_equal(one.normaliser.mean, other.normaliser.mean)
    np.testing.assert_array_equal(one.normaliser.std, other.normaliser.std)


def test_a_unit_survives_the_frame_to_the_bit() -> None:
    assert_same(Unit.from_frame(unit().to_frame()), unit())
    assert Unit.from_frame(unit(normaliser=None).to_frame()).normaliser is None


def test_a_unit_survives_json_to_the_bit() -> None:
    body = json.loads(HEADER.model_dump_json()) | {name: array.tolist() for name, array in ARRAYS.items()}
    body |= {"normaliser_mean": NORMALISER.mean.tolist(), "normaliser_std": NORMALISER.std.tolist()}
    assert_same(UnitJson.model_validate_json(json.dumps(body)).unit(), unit())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"parameters": np.zeros(4, np.float32)}, r"parameters: needs shape \(members, dimension\)"),
        ({"parameters": np.zeros((0, 4), np.float32)}, "parameters: needs shape"),
        ({"parameters": np.full((2, 4), np.nan, np.float32)}, "parameters: must be finite"),
        ({"parameters": np.zeros((2, 4))}, "parameters: must be float32, is float64"),
        ({"parameters": None}, "parameters: is missing"),
        ({"rows": np.array([0, 1], np.int32)}, r"rows and seeds need one shape"),
        ({"rows": np.array([0, 1, 2], np.int32)}, "rows: must point into the 2 parameter rows"),
        ({"rows": np.array([0, 1, -1], np.int32)}, "rows: must point into the 2 parameter rows"),
        ({"rows": np.array([0, 1, 1])}, "rows: must be int32, is int64"),
        ({"seeds": np.array([0, 1, -1], np.int32)}, "seeds: must be from 0 to 2147483646"),
        ({"seeds": np.array([0, 1, 2**31 - 1], np.int32)}, "seeds: must be from 0 to 2147483646"),
        ({"rows": np.zeros(0, np.int32), "seeds": np.zeros(0, np.int32)}, "rows and seeds need one shape"),
    ],
)
def test_a_unit_whose_arrays_do_not_fit_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        Unit.from_frame(frame(**changes))


def test_a_header_that_is_wrong_is_refused_by_field() -> None:
    header = HEADER.model_dump() | {"environment": {"id": ""}}
    with pytest.raises(InvalidInput, match=r"environment\.id"):
        Unit.from_frame(encode_frame(json.dumps(header), ARRAYS))


def test_another_protocol_version_is_refused_as_such() -> None:
    header = HEADER.model_copy(update={"protocol": 9})
    with pytest.raises(ProtocolMismatch, match=f"speaks protocol 9, this worker speaks {PROTOCOL_VERSION}"):
        Unit.from_frame(encode_frame(header.model_dump_json(), ARRAYS))


NOISE = NoiseKey(seed=2**63, generation=8, mirrored=True)
GAUSSIAN = HEADER.model_copy(update={"population": "gaussian", "noise": NOISE})
DESCRIBED: dict[str, Any] = {
    "mean": np.arange(4, dtype=np.float32) / 3,
    "sigma": np.array([0.1, 0.2, 0, 0.3], np.float32),
    "members": np.array([6, 3], np.int32),
    "rows": ARRAYS["rows"],
    "seeds": ARRAYS["seeds"],
}


def gaussian_frame(header: dict[str, Any] | None = None, **changes: Any) -> bytes:
    arrays = {name: array for name, array in (DESCRIBED | changes).items() if array is not None}
    return encode_frame(json.dumps(json.loads(GAUSSIAN.model_dump_json()) | (header or {})), arrays)


@pytest.mark.parametrize("sigma", [DESCRIBED["sigma"], np.array([0.5], np.float32)])
def test_members_by_description_survive_the_frame_and_json_to_the_bit(sigma: np.ndarray) -> None:
    members = GaussianMembers(DESCRIBED["mean"], sigma, NOISE, DESCRIBED["members"])
    sent = Unit(GAUSSIAN.model_copy(update=header_fields(members)), members, DESCRIBED["rows"], DESCRIBED["seeds"])
    lists = {name: array.tolist() for name, array in (DESCRIBED | {"sigma": sigma}).items()}
    body = json.dumps(json.loads(sent.header.model_dump_json()) | lists)
    for back in (Unit.from_frame(sent.to_frame()), UnitJson.model_validate_json(body).unit()):
        assert back.header == sent.header
        assert isinstance(back.parameters, GaussianMembers)
        for row, number in enumerate(DESCRIBED["members"]):
            z = noise(2**63, 8, number // 2, 4)
            expected = DESCRIBED["mean"] + np.float32(-1 if number % 2 else 1) * (sigma * z)
            assert np.array_equal(back.parameters[row], expected)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mean": None}, "mean: is missing"),
        ({"sigma": None}, "sigma: is missing"),
        ({"members": None}, "members: is missing"),
        ({"mean": np.zeros(4)}, "mean: must be float32"),
        ({"mean": np.zeros((1, 4), np.float32)}, r"mean: needs shape \(dimension,\), has \(1, 4\)"),
        ({"mean": np.zeros(0, np.float32)}, r"mean: needs shape \(dimension,\), has \(0,\)"),
        ({"mean": np.full(4, np.inf, np.float32)}, "mean: must be finite"),
        ({"sigma": np.ones(3, np.float32)}, r"sigma: needs shape \(4,\) or \(1,\), has \(3,\)"),
        ({"sigma": np.ones((), np.float32)}, r"sigma: needs shape \(4,\) or \(1,\), has \(\)"),
        ({"sigma": np.full(1, np.nan, np.float32)}, "sigma: must be finite"),
        ({"sigma": np.array([-0.5], np.float32)}, r"sigma: must not be negative \(got '-0.5'\)"),
        ({"sigma": np.array([1e38], np.float32)}, "sigma: makes parameters that are not finite"),
        ({"members": np.array([1, -2], np.int32)}, r"members: must not be negative \(got '-2'\)"),
        ({"members": np.array([1, 2])}, "members: must be int32, is int64"),
        ({"members": np.zeros((2, 1), np.int32)}, r"members: needs shape \(members,\)"),
        ({"members": np.zeros(0, np.int32)}, r"members: needs shape \(members,\)"),
        ({"members": np.zeros(1, np.int32)}, "rows: must point into the 1 parameter rows"),
        ({"header": {"noise": None}}, "noise: is missing"),
        ({"header": {"noise": {"seed": -1, "generation": 0}}}, r"noise\.seed: .*greater than or equal to 0"),
        ({"header": {"noise": {"seed": 0, "generation": -1}}}, r"noise\.generation: .*greater than or equal to 0"),
        ({"header": {"noise": {"seed": 2**64, "generation": 1}}}, r"noise\.seed: .*less than"),
        ({"header": {"noise": {"seed": 0.5, "generation": 1}}}, r"noise\.seed: .*valid integer"),
        ({"header": {"noise": {"seed": 1, "generation": 1, "sign": 1}}}, r"noise\.sign: "),
        ({"header": {"noise_sample": [0.0] * 1025}}, "noise_sample: .*at most 1024"),
        ({"header": {"population": "lattice"}}, "population: "),
        ({"header": {"population": "rows"}, "parameters": ARRAYS["parameters"]}, "population: must be rows"),
    ],
)
def test_a_description_that_makes_no_members_is_refused_by_field(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        Unit.from_frame(gaussian_frame(**changes))


def test_a_worker_that_draws_other_noise_than_the_master_finds_out() -> None:
    members = GaussianMembers(DESCRIBED["mean"], DESCRIBED["sigma"], NOISE, DESCRIBED["members"])
    sample = header_fields(members)["noise_sample"]
    Unit.from_frame(gaussian_frame({"noise_sample": sample}))
    with pytest.raises(ProtocolMismatch, match="noise is not drawn as here"):
        Unit.from_frame(gaussian_frame({"noise_sample": sample[::-1]}))


LOW_RANK: dict[str, Any] = {
    "mean": np.arange(14, dtype=np.float32) / 3,
    "sigma": np.array([0.5], np.float32),
    "members": np.array([6, 3], np.int32),
}
MATRIX = {"offset": 1, "rows": 3, "columns": 4}


def low_rank_frame(low_rank: dict[str, Any], **changes: Any) -> bytes:
    given = {"rank": 1, "matrices": [MATRIX]} | low_rank
    noise_key = {"seed": 2**63, "generation": 8, "mirrored": True, "low_rank": given}
    return gaussian_frame({"noise": noise_key}, **LOW_RANK | changes)


def test_members_of_low_rank_survive_the_frame_to_the_bit() -> None:
    back = Unit.from_frame(low_rank_frame({}))
    assert isinstance(back.parameters, GaussianMembers)
    assert back.header.noise == back.parameters.key
    assert back.parameters.key.low_rank == LowRank(rank=1, matrices=(Matrix(**MATRIX),))
    again = Unit.from_frame(back.to_frame())
    np.testing.assert_array_equal(np.asarray(again.parameters), np.asarray(back.parameters))
    numbers = noise(2**63, 8, 3, 9)
    z = np.concatenate([numbers[:1], np.outer(numbers[1:4], numbers[4:8]).ravel(), numbers[8:]])
    np.testing.assert_allclose(back.parameters[0], LOW_RANK["mean"] + np.float32(0.5) * z, rtol=1e-6)


@pytest.mark.parametrize(
    ("low_rank", "changes", "message"),
    [
        ({"rank": 0}, {}, r"noise\.low_rank\.rank: .*greater than or equal to 1"),
        ({"rank": 65}, {}, r"noise\.low_rank\.rank: .*less than or equal to 64"),
        ({"rank": 1.5}, {}, r"noise\.low_rank\.rank: .*valid integer"),
        ({"kind": "full"}, {}, r"noise\.low_rank\.kind: "),
        ({"matrices": [MATRIX | {"offset": -1}]}, {}, r"noise\.low_rank\.matrices\.0\.offset: "),
        ({"matrices": [MATRIX | {"rows": 0}]}, {}, r"noise\.low_rank\.matrices\.0\.rows: "),
        ({"matrices": [MATRIX | {"columns": 2**31}]}, {}, r"noise\.low_rank\.matrices\.0\.columns: "),
        ({"matrices": [MATRIX] * 1025}, {}, r"noise\.low_rank\.matrices: .*at most 1024"),
        ({"matrices": [MATRIX | {"offset": 3}]}, {}, r"matrices: its matrices end at 15 of 14 parameters"),
        ({"matrices": [MATRIX, MATRIX | {"rows": 2}]}, {}, "matrices: the matrix at 1 begins before the end"),
        ({"matrices": [MATRIX | {"columns": 1}]}, {}, r"matrices: a matrix \(3, 1\) has no fewer numbers"),
        ({"rank": 2}, {}, r"a matrix \(3, 4\) has no fewer numbers than its factors of rank 2"),
        ({}, {"sigma": np.ones(14, np.float32)}, r"sigma: needs shape \(1,\) where perturbations are of low rank"),
        ({}, {"sigma": np.array([1e37], np.float32)}, "sigma: makes parameters that are not finite"),
        ({}, {"mean": np.zeros((2, 7), np.float32)}, r"mean: needs shape \(dimension,\)"),
    ],
)
def test_perturbations_that_do_not_fit_are_refused_by_field(
    low_rank: dict[str, Any], changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        Unit.from_frame(low_rank_frame(low_rank, **changes))


def result(**changes: Any) -> UnitResult:
    values: dict[str, Any] = {
        "returns": np.array([1.0, np.nan, 3.0]),
        "fitness": np.array([0.5, np.nan, 2.5]),
        "lengths": np.array([10, 0, 30], np.int32),
        "observation_sums": np.arange(6.0).reshape(3, 2),
        "observation_squares": np.arange(6.0).reshape(3, 2) ** 2,
        "failures": [Failure(kind="invalid", message="NaN", rollouts=[1])],
        "busy_seconds": 0.25,
    }
    return UnitResult(**(values | changes))


def test_a_result_survives_the_frame_to_the_bit() -> None:
    back = UnitResult.from_frame(result().to_frame(), rollouts=3)
    assert back.failures == result().failures
    assert back.busy_seconds == 0.25
    for name in ("returns", "fitness", "lengths", "observation_sums", "observation_squares"):
        np.testing.assert_array_equal(getattr(back, name), getattr(result(), name))


def test_a_failed_unit_is_a_valid_result() -> None:
    back = UnitResult.from_frame(UnitResult.failed(3, "crash", "SIGSEGV").to_frame(), rollouts=3)
    assert back.failures == [Failure(kind="crash", message="SIGSEGV", rollouts=[0, 1, 2])]


def test_what_failed_is_null_in_json() -> None:
    values = json.loads(json.dumps(result().to_json()))
    assert values["returns"] == [1.0, None, 3.0]
    assert values["lengths"] == [10, 0, 30]
    assert values["failures"][0]["rollouts"] == [1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"failures": []}, r"returns: rollouts \[1\] have no result and no failure"),
        ({"fitness": np.array([np.inf, np.nan, 1.0])}, r"returns: rollouts \[0\] have no result"),
        ({"lengths": np.zeros(2, np.int32)}, r"lengths: has shape \(2,\), the unit had 3 rollouts"),
        ({"failures": [Failure(kind="crash", message="", rollouts=[1, 3])]}, "rollouts that the unit does not"),
        ({"returns": np.zeros(3, np.float32)}, "returns: must be float64"),
    ],
)
def test_a_result_that_does_not_belong_to_the_unit_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        UnitResult.from_frame(result(**changes).to_frame(), rollouts=3)


@given(rollouts=st.integers(1, 40), data=st.data())
def test_parts_are_the_unit_and_their_results_join_to_its_result(rollouts: int, data: st.DataObject) -> None:
    rows, seeds = np.arange(rollouts, dtype=np.int32) % 2, np.arange(rollouts, dtype=np.int32) + 7
    whole = unit(rows=rows, seeds=seeds)
    parts = data.draw(st.integers(1, rollouts))
    split = [whole.part(index, parts) for index in range(parts)]
    np.testing.assert_array_equal(np.concatenate([part.rows for part in split]), rows)
    np.testing.assert_array_equal(np.concatenate([part.seeds for part in split]), seeds)
    assert max(map(len, split)) - min(map(len, split)) <= 1
    broken = data.draw(st.integers(-1, parts - 1))
    joined = UnitResult.joined([_computed(part, broken=index == broken) for index, part in enumerate(split)])
    back = UnitResult.from_frame(joined.to_frame(), rollouts)
    lost = [rollout for failure in back.failures for rollout in failure.rollouts]
    assert lost == [int(seed) - 7 for index, part in enumerate(split) if index == broken for seed in part.seeds]
    good = np.setdiff1d(np.arange(rollouts), lost)
    np.testing.assert_array_equal(back.returns[good], seeds[good])
    assert np.isnan(back.returns[lost]).all()
    if back.observation_sums is not None:
        np.testing.assert_array_equal(back.observation_sums[good, 0], seeds[good])
    assert back.busy_seconds == parts * 0.5


def _computed(part: Unit, *, broken: bool) -> UnitResult:
    if broken:
        return UnitResult.failed(len(part), "crash", "segfault", 0.5)
    returns = part.seeds.astype(np.float64)
    statistics = np.stack([returns, returns**2], axis=1)
    return UnitResult(returns, returns, part.rows, statistics, statistics, busy_seconds=0.5)


@pytest.mark.parametrize(("index", "parts"), [(0, 4), (3, 3), (-1, 2), (0, 0)])
def test_a_part_that_there_is_not_is_refused(index: int, parts: int) -> None:
    with pytest.raises(InvalidInput, match=f"3 rollouts make no part {index} of {parts}"):
        unit().part(index, parts)
