"""The same search, whichever form its members go over the wire in."""

from __future__ import annotations

import pytest

from seedcast.services.master.dispatch.batch import BatchResult
from seedcast.services.master.evolution.batches import training_batch
from seedcast.services.master.evolution.state import Evolution
from seedcast.services.master.strategies.sampling import GaussianPopulation
from seedcast.services.worker.engine import run_unit
from seedcast.services.worker.environments.registry import describe
from seedcast.shared.protocol import Unit, UnitResult
from seedcast.shared.spec.experiment import ExperimentSpec
from tests.specs import cartpole

STRATEGIES = [
    {"name": "pgpe", "radius": 2, "l2_penalty": 0.1},
    {"name": "pepg", "sigma_init": 0.5},
]


def digests(spec: ExperimentSpec, rollouts_per_unit: int) -> tuple[list[str], set[str]]:
    """Train through frames; return the digest after each generation, and the forms that members were sent in."""
    evolution = Evolution.begin("e", spec, describe(spec.rollouts.environment))
    found: list[str] = []
    forms: set[str] = set()
    for _ in range(5):
        batch = training_batch(evolution, evolution.strategy.ask())
        result = BatchResult.empty(len(batch))
        for start in range(0, len(batch), rollouts_per_unit):
            rollouts = range(start, min(start + rollouts_per_unit, len(batch)))
            unit = Unit.from_frame(batch.unit(rollouts).to_frame())
            forms.add(unit.header.population)
            reply = run_unit(unit).to_frame()
            result.store(rollouts, UnitResult.from_frame(reply, len(rollouts)))
        evolution.learn(result)
        found.append(evolution.parameters_sha256())
    return found, forms


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda strategy: str(strategy["name"]))
def test_rows_and_descriptions_train_to_the_same_parameters(
    strategy: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = cartpole(strategy=strategy)
    described, forms = digests(spec, 32)
    assert forms == {"gaussian"}
    assert len(set(described)) == len(described)
    assert digests(spec, 7) == (described, {"gaussian"})
    assert digests(spec, 1) == (described, {"gaussian", "rows"})  # keys while σ is one number, then rows
    monkeypatch.setattr(GaussianPopulation, "members", GaussianPopulation.rows)
    assert digests(spec, 32) == (described, {"rows"})


def test_members_of_low_rank_go_by_description_and_train_to_the_same_parameters_in_units_of_any_size() -> None:
    perturbations = {"kind": "low_rank", "rank": 2}
    spec = cartpole(
        policy={"name": "mlp", "hidden": [16, 16], "normalise_observations": True},
        strategy={"name": "ars", "l2_penalty": 0.1, "perturbations": perturbations},
    )
    described, forms = digests(spec, 32)
    assert forms == {"gaussian"}
    assert len(set(described)) == len(described)
    for size in (1, 7):
        assert digests(spec, size) == (described, {"gaussian"})
