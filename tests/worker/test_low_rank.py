"""Members of low rank in the engine: the same rollouts in any company, and the same members as written out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from seedcast.services.worker.engine import run_unit, window
from seedcast.services.worker.environments.registry import describe
from seedcast.shared.low_rank import LowRank
from seedcast.shared.perturbations import GaussianMembers, NoiseKey
from seedcast.shared.policies.mlp import DensePolicy
from seedcast.shared.protocol import Unit, UnitHeader
from seedcast.shared.protocol.members import header_fields
from seedcast.shared.spec.environment import EnvironmentSpec
from seedcast.shared.spec.policy import build_policy
from tests.units import numbers

ENVIRONMENT = EnvironmentSpec(id="Pendulum-v1", max_episode_steps=40)
MEMBERS, EPISODES = 14, 2
POLICIES: list[dict[str, Any]] = [
    {"name": "mlp", "hidden": [24, 16]},
    {"name": "recurrent", "cell": "gru", "hidden": 9},
]


def unit(policy: dict[str, Any], order: list[int], rank: int = 1) -> Unit:
    """Return the rollouts of an order, of ``MEMBERS * EPISODES``, each with its own seed."""
    header = UnitHeader.model_validate({"environment": ENVIRONMENT.model_dump(), "policy": policy})
    built = build_policy(header.rollouts.policy, describe(ENVIRONMENT))
    mean = np.random.default_rng(1).standard_normal(built.dimension, dtype=np.float32) * np.float32(0.3)
    key = NoiseKey(seed=3, generation=5, mirrored=True, low_rank=LowRank.of(built.matrices, rank))
    chosen, rows = np.unique(np.array(order) // EPISODES, return_inverse=True)
    members = GaussianMembers(mean, np.array([0.2], np.float32), key, chosen.astype(np.int32))
    header = header.model_copy(update=header_fields(members))
    return Unit(header, members, rows.astype(np.int32), np.array(order, np.int32))


WHOLE = list(range(MEMBERS * EPISODES))


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: str(policy["name"]))
@pytest.mark.parametrize("rank", [1, 2])
def test_a_rollout_is_the_same_to_the_bit_in_any_unit_order_and_window(
    policy: dict[str, Any], rank: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = numbers(run_unit(unit(policy, WHOLE, rank)))
    assert len({one[0] for one in expected}) == len(WHOLE)
    for size in (1, 5, 9):
        parts = [WHOLE[start : start + size] for start in range(0, len(WHOLE), size)]
        assert [one for part in parts for one in numbers(run_unit(unit(policy, part, rank)))] == expected
    shuffled = np.random.default_rng(0).permutation(WHOLE).tolist()
    assert numbers(run_unit(unit(policy, shuffled, rank))) == [expected[one] for one in shuffled]
    monkeypatch.setattr(window, "POLICY_BYTES", 0)
    monkeypatch.setattr(window, "FEW_LANES", 3)
    assert numbers(run_unit(unit(policy, WHOLE, rank))) == expected


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: str(policy["name"]))
def test_it_is_that_of_the_member_written_out_to_rounding(policy: dict[str, Any]) -> None:
    described = unit(policy, WHOLE)
    written = np.asarray(described.parameters)
    rows = replace(
        described, header=described.header.model_copy(update=header_fields(written)), parameters=written
    )
    here, there = run_unit(described), run_unit(rows)
    assert np.abs(here.returns - there.returns).max() < 0.05  # roundings grow over an episode
    assert np.ptp(there.returns) > 10


def test_a_policy_without_perturbed_lanes_gets_whole_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    described = unit(POLICIES[0], WHOLE)
    written = np.asarray(described.parameters)
    rows = replace(
        described, header=described.header.model_copy(update=header_fields(written)), parameters=written
    )
    expected = numbers(run_unit(rows))
    assert numbers(run_unit(described)) != expected
    monkeypatch.setattr(DensePolicy, "perturbed_lanes", lambda *_: None)
    assert numbers(run_unit(described)) == expected


def test_matrices_that_are_not_the_policys_still_make_the_members_they_describe() -> None:
    described = unit(POLICIES[0], WHOLE)
    first = described.parameters.key.low_rank.matrices[0]  # type: ignore[union-attr]
    moved = first.model_copy(update={"offset": first.offset + 1})
    key = described.parameters.key.model_copy(  # type: ignore[union-attr]
        update={"low_rank": LowRank(rank=1, matrices=(moved,))}
    )
    members = replace(described.parameters, key=key)  # type: ignore[type-var]
    other = replace(
        described, header=described.header.model_copy(update=header_fields(members)), parameters=members
    )
    written = np.asarray(members)
    rows = replace(
        described, header=described.header.model_copy(update=header_fields(written)), parameters=written
    )
    assert numbers(run_unit(other)) == numbers(run_unit(rows))
