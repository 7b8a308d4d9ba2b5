"""Going back to the best solution, and populations that change their size, through real services and a kill -9."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.processes import Server, digests, eventually, master, submit, wait_for_end, worker
from tests.specs import cartpole_values

SPEC = cartpole_values() | {
    "environment": {"id": "CartPole-v1", "max_episode_steps": 400},
    "strategy": {"name": "pgpe", "radius": 1, "optimizer": {"name": "sgd", "step_size": 20}},  # tests get worse
    "adaptive_population": {"environment_steps": 3000, "maximum": 48},
    "test": {"every": 2, "episodes": 3},
    "retrain": {"tolerance": 0, "relative_tolerance": 0},
    "stop": {"generations": 10},
}
TIMES = (
    "ask_seconds",
    "core_seconds",
    "dropped_seconds",
    "elapsed_seconds",
    "generation_seconds",
    "hedged_units",
    "lost_units",
    "master_seconds",
    "resumed",
    "retried_rollouts",
    "training_core_seconds",
)


def rows(server: Server, experiment_id: str, kind: str) -> list[dict[str, Any]]:
    """Return the records without what the clock says."""
    path = {"generations": "history", "tests": "tests"}[kind]
    records = server.http.get(f"/experiments/{experiment_id}/{path}").json()[kind]
    return [without_times(record) for record in records]


def without_times(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: without_times(value) if isinstance(value, dict) else value
        for name, value in values.items()
        if name not in TIMES
    }


def wait_until_it_went_back(server: Server, experiment_id: str) -> None:
    """Return at the moment at which the first test that asks for it is committed."""
    eventually(lambda: any(test["retraining"] for test in rows(server, experiment_id, "tests")))


@pytest.mark.slow
def test_a_search_that_goes_back_does_so_alike_through_every_kill(tmp_path: Path) -> None:
    with ExitStack() as stack:
        urls = [stack.enter_context(worker(tmp_path)).url]
        first = stack.enter_context(master(tmp_path, urls))
        calm = submit(first, SPEC)
        assert wait_for_end(first, calm)["status"] == "completed"
        generations, tests = rows(first, calm, "generations"), rows(first, calm, "tests")
        check_that_it_went_back_to_its_best(generations, tests)
        killed = submit(first, SPEC)
        wait_until_it_went_back(first, killed)
        for delay in (0.0, 0.2, 0.3):
            time.sleep(delay)
            first.kill()
            first = stack.enter_context(master(tmp_path, urls))
        experiment = wait_for_end(first, killed)
        assert (experiment["status"], experiment["generation"]) == ("completed", 10)
        assert digests(first, killed) == digests(first, calm)
        assert rows(first, killed, "generations") == generations
        assert rows(first, killed, "tests") == tests


def check_that_it_went_back_to_its_best(generations: list[dict[str, Any]], tests: list[dict[str, Any]]) -> None:
    """Follow the records: best so far, where it went back, and what the dropped generations used."""
    best: tuple[float, int] = (float("-inf"), 0)
    steps = {row["generation"]: row["environment_steps"] for row in generations}
    for test in tests[:-1]:
        score, generation = test["returns"]["mean"], test["generation"]
        assert (test["retraining"] is not None) == (score < best[0])
        if test["retraining"] is not None:
            assert (test["retraining"]["best_return"], test["retraining"]["best_generation"]) == best
            assert test["retraining"]["dropped_steps"] > 0
        elif score > best[0]:
            best = (score, generation)
    went_back = [test for test in tests[:-1] if test["retraining"]]
    assert went_back
    assert tests[-1]["retraining"] is None  # there is no search to go on
    for test in went_back:
        following = test["generation"] + 1
        members = next(row["population_size"] for row in generations if row["generation"] == following)
        used = steps[following] - steps[test["generation"]]
        assert used >= test["retraining"]["dropped_steps"] + 2 * members  # at least a step an episode
    sizes = [row["population_size"] for row in generations]
    assert min(sizes) >= 16
    assert max(sizes) <= 48
    assert len(set(sizes)) > 2
