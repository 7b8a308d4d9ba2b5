"""Objectives through real masters and workers."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seedcast.shared.model import Model
from tests.processes import Server, digests, master, submit, wait_for_end, worker

SPHERE: dict[str, Any] = {
    "name": "ball",
    "objective": {"id": "noisy_sphere", "kwargs": {"dimension": 6}},
    "strategy": {"name": "snes", "sigma_init": 1.0},
    "population_size": 12,
    "episodes_per_member": 2,
    "stop": {"generations": 400, "value": 0.01},
    "test": {"every": 5, "episodes": 4},
}


def trained(folder: Path, spec: dict[str, Any], workers: int, slots: int = 1) -> tuple[dict[str, Any], list[str]]:
    folder.mkdir()
    with ExitStack() as stack:
        urls = [stack.enter_context(worker(folder, slots=slots)).url for _ in range(workers)]
        server = stack.enter_context(master(folder, urls, SEEDCAST_UNIT_SECONDS="0.01"))
        experiment_id = submit(server, spec)
        return wait_for_end(server, experiment_id), digests(server, experiment_id)


@pytest.mark.slow
def test_a_minimised_objective_ends_at_its_target_with_the_same_bits_on_any_fleet(tmp_path: Path) -> None:
    one, calm = trained(tmp_path / "one", SPHERE, workers=1)
    assert one["status"] == "completed"
    assert "the tested value 0.00" in one["reason"]
    assert one["direction"] == "minimise"
    assert 0 < one["best_test_return"] <= 0.01
    assert one["environment_steps"] == len(calm) * 24
    two, many = trained(tmp_path / "two", SPHERE, workers=2, slots=2)
    assert many == calm
    assert two["best_test_return"] == one["best_test_return"]


def test_the_best_solution_of_a_bounded_objective_lies_on_its_bounds(cluster: Server, tmp_path: Path) -> None:
    changes = {
        "objective": {"id": "bounded"},
        "episodes_per_member": 1,
        "stop": {"generations": 200, "value": 5.999},
    }
    one = wait_for_end(cluster, submit(cluster, SPHERE | changes))
    assert "reached the target 5.999" in one["reason"]
    file = tmp_path / "model.npz"
    file.write_bytes(cluster.http.get(f"/experiments/{one['id']}/artifacts/best_model.npz").content)
    model = Model.load(file)
    assert (model.solution <= 2).all()
    np.testing.assert_allclose(model.solution, 2, atol=0.01)


@pytest.mark.slow
def test_a_member_that_crashes_or_hangs_is_told_of_by_name(cluster: Server) -> None:
    for how, kind, seconds in (("crash", "crash", 10.0), ("hang", "timeout", 0.3)):
        objective = {"id": "faulty", "kwargs": {"how": how}, "timeout_seconds": seconds}
        changes = {
            "objective": objective,
            "population_size": 4,
            "episodes_per_member": 1,
            "stop": {"generations": 2},
        }
        failing = changes | {
            "fitness": {"failed_member": "fail"},
            "strategy": {"name": "snes", "sigma_init": 30.0},
        }
        ended = wait_for_end(cluster, submit(cluster, SPHERE | failing))
        assert ended["status"] == "failed"
        assert ended["reason"].startswith(kind)
