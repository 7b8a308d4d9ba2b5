"""Small units of work for tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seedcast.services.worker.environments.registry import describe
from seedcast.shared.policies.base import Policy
from seedcast.shared.protocol import Unit, UnitHeader, UnitResult
from seedcast.shared.spec.environment import EnvironmentSpec
from seedcast.shared.spec.policy import build_policy

LINEAR = {"name": "linear"}


def policy_for(environment: EnvironmentSpec, policy: dict[str, Any]) -> Policy:
    """Build the policy that `unit` gives to an environment."""
    return build_policy(_header(environment, policy).rollouts.policy, describe(environment))


def unit(
    environment: EnvironmentSpec,
    seeds: Sequence[int],
    rows: Sequence[int] | None = None,
    policy: dict[str, Any] | None = None,
    **header: Any,
) -> Unit:
    """Return a unit in which row ``i`` of the parameters is always the same random vector."""
    rows = list(range(len(seeds))) if rows is None else rows
    dimension = policy_for(environment, policy or LINEAR).dimension
    parameters = np.stack([member(row, dimension) for row in range(max(rows) + 1)])
    return Unit(
        _header(environment, policy or LINEAR, **header),
        parameters,
        np.array(rows, np.int32),
        np.array(seeds, np.int32),
    )


def member(row: int, dimension: int) -> NDArray[np.float32]:
    """Draw the parameters ``(dimension,)`` of one member."""
    return np.random.default_rng(row).standard_normal(dimension, dtype=np.float32)


def faulty(
    mode: str, rollouts: int = 4, every: int = 1, file: Path | None = None, **environment: Any
) -> dict[str, Any]:
    """Return a unit on Faulty-v0 as JSON holds it; the rollouts' seeds are 0, 1, 2, ...

    With `mode` "held" its episodes stay where they are until ``file`` is there; with "hang" they make it first.
    """
    kwargs = {"mode": mode, "every": every} | ({"file": str(file)} if file else {})
    return {
        "environment": {"id": "Faulty-v0", "kwargs": kwargs, **environment},
        "policy": {"name": "linear", "bias": False},
        "parameters": [[0.0] * 4],
        "rows": [0] * rollouts,
        "seeds": list(range(rollouts)),
    }


def numbers(result: UnitResult) -> list[tuple[float, float, int]]:
    """Return (return, fitness, length) of each rollout, to be compared to the bit."""
    return list(zip(result.returns.tolist(), result.fitness.tolist(), result.lengths.tolist(), strict=True))


def _header(environment: EnvironmentSpec, policy: dict[str, Any], **header: Any) -> UnitHeader:
    values = {"environment": environment.model_dump(), "policy": policy, **header}
    return UnitHeader.model_validate(values)
