"""The contract: one specification, one result, whatever the schedule."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.processes import digests, master, submit, wait_for_end, wait_for_generation, worker
from tests.specs import cartpole_values

CHANGES = {"population_size": 32, "test": {"every": 4, "episodes": 10}, "stop": {"generations": 12}}
FULL = cartpole_values() | CHANGES
LOW_RANK = FULL | {
    "policy": {"name": "mlp", "hidden": [24, 24], "normalise_observations": True},
    "strategy": {"name": "openai_es", "sigma_init": 0.1, "perturbations": {"kind": "low_rank", "rank": 1}},
}


def trained(folder: Path, spec: dict[str, Any], workers: int, slots: int, unit_seconds: float) -> list[str]:
    """Train in one go and return the digest after each generation."""
    folder.mkdir()
    with ExitStack() as stack:
        urls = [stack.enter_context(worker(folder, slots=slots)).url for _ in range(workers)]
        server = stack.enter_context(master(folder, urls, SEEDCAST_UNIT_SECONDS=str(unit_seconds)))
        experiment_id = submit(server, spec)
        assert wait_for_end(server, experiment_id)["status"] == "completed"
        return digests(server, experiment_id)


@pytest.mark.parametrize("spec", [FULL, LOW_RANK], ids=["full", "low_rank"])
def test_workers_units_and_interruptions_leave_no_trace_in_the_parameters(
    spec: dict[str, Any], tmp_path: Path
) -> None:
    calm = trained(tmp_path / "calm", spec, workers=1, slots=1, unit_seconds=2.0)
    assert len(set(calm)) == 12  # it learnt something in every generation
    assert trained(tmp_path / "many", spec, workers=3, slots=2, unit_seconds=0.01) == calm
    assert interrupted(tmp_path / "interrupted", spec) == calm


def interrupted(folder: Path, spec: dict[str, Any]) -> list[str]:
    """Train with a stop, a kill -9 of the master, and a kill -9 of the worker in the middle."""
    folder.mkdir()
    with ExitStack() as stack:
        workers = [stack.enter_context(worker(folder)) for _ in range(2)]
        urls = [one.url for one in workers]
        first = stack.enter_context(master(folder, urls))
        experiment_id = submit(first, spec)
        wait_for_generation(first, experiment_id, 3)
        first.kill()
        second = stack.enter_context(master(folder, urls))
        wait_for_generation(second, experiment_id, 6)
        second.stop()
        third = stack.enter_context(master(folder, urls))
        workers[0].kill()
        assert wait_for_end(third, experiment_id)["status"] == "completed"
        return digests(third, experiment_id)
