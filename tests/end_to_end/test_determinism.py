"""The contract: one specification, one result, whatever the schedule."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from tests.processes import Server, digests, master, submit, wait_for_end, wait_for_generation, worker
from tests.specs import cartpole_values

CHANGES = {"population_size": 32, "test": {"every": 4, "episodes": 10}, "stop": {"generations": 12}}
FULL = cartpole_values() | CHANGES
LOW_RANK = FULL | {
    "policy": {"name": "mlp", "hidden": [24, 24], "normalise_observations": True},
    "strategy": {"name": "openai_es", "sigma_init": 0.1, "perturbations": {"kind": "low_rank", "rank": 1}},
}


SPECS = [FULL, LOW_RANK]


def trained(folder: Path, workers: int, slots: int, unit_seconds: float) -> list[list[str]]:
    """Train both in one go and return the digests after each generation."""
    folder.mkdir()
    with ExitStack() as stack:
        urls = [stack.enter_context(worker(folder, slots=slots)).url for _ in range(workers)]
        server = stack.enter_context(master(folder, urls, SEEDCAST_UNIT_SECONDS=str(unit_seconds)))
        return learnt(server, [submit(server, spec) for spec in SPECS])


def learnt(server: Server, experiments: list[str]) -> list[list[str]]:
    """See experiments to their ends and return their digests."""
    assert {wait_for_end(server, one)["status"] for one in experiments} == {"completed"}
    return [digests(server, one) for one in experiments]


def test_workers_units_and_interruptions_leave_no_trace_in_the_parameters(tmp_path: Path) -> None:
    calm = trained(tmp_path / "calm", workers=1, slots=1, unit_seconds=2.0)
    assert [len(set(one)) for one in calm] == [12, 12]  # they learnt something in every generation
    assert trained(tmp_path / "many", workers=3, slots=2, unit_seconds=0.01) == calm
    assert interrupted(tmp_path / "interrupted") == calm


def interrupted(folder: Path) -> list[list[str]]:
    """Train with a stop, a kill -9 of the master, and a kill -9 of the worker in the middle."""
    folder.mkdir()
    with ExitStack() as stack:
        workers = [stack.enter_context(worker(folder)) for _ in range(2)]
        urls = [one.url for one in workers]
        first = stack.enter_context(master(folder, urls))
        experiments = [submit(first, spec) for spec in SPECS]
        for one in experiments:
            wait_for_generation(first, one, 3)
        first.kill()
        second = stack.enter_context(master(folder, urls))
        for one in experiments:
            wait_for_generation(second, one, 6)
        second.stop()
        third = stack.enter_context(master(folder, urls))
        workers[0].kill()
        return learnt(third, experiments)
