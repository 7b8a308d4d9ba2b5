"""The usual way to roll out, which the benchmark of learning measures ours beside, comes to what ours comes to."""

from __future__ import annotations

from dataclasses import replace
from multiprocessing.pool import ThreadPool

import numpy as np
import pytest

from benchmarks import learning
from benchmarks.learning import TASKS, Run, Task, roll_out, table
from seedcast.services.master.evolution.batches import training_batch
from seedcast.services.master.evolution.state import Evolution
from seedcast.services.worker.engine import run_unit
from seedcast.services.worker.environments.registry import describe


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.preset)
def test_a_generation_comes_to_the_same_by_both_ways(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    # A Box2D world that has been used gives other episodes than a new one, which is what ours has each time.
    monkeypatch.setattr(learning, "_opened", learning._opened.__wrapped__)
    spec = task.spec(1)
    spec = spec.model_copy(
        update={"environment": spec.rollouts.environment.model_copy(update={"engine": "gymnasium"})}
    )
    evolution = Evolution.begin("one", spec, describe(spec.rollouts.environment))
    evolution.strategy.resize(6)
    batch = training_batch(evolution, evolution.strategy.ask())
    # The first steps of episodes: legs make of the last bit another episode within some 50.
    batch = replace(batch, header=batch.header.model_copy(update={"max_episode_steps": 30}))
    ours = run_unit(batch.unit(range(len(batch))))
    with ThreadPool(1) as pool:
        usual = roll_out(pool, batch)
    assert usual.lengths.tolist() == ours.lengths.tolist()
    np.testing.assert_allclose(usual.returns, ours.returns, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(usual.fitness, ours.fitness, rtol=1e-3, atol=1e-3)
    if ours.observation_sums is not None and usual.observation_sums is not None:
        np.testing.assert_allclose(usual.observation_sums, ours.observation_sums, rtol=1e-3, atol=0.1)


def test_the_table_tells_of_seeds_that_did_not_get_there() -> None:
    task = TASKS[0]
    runs = [
        Run(task.preset, "Seedcast", 1, [(0, 0.0, 20.0), (1000, 2.0, task.score)]),
        Run(task.preset, "Seedcast", 2, [(0, 0.0, 20.0)]),
        Run(task.preset, "Gymnasium", 1, [(0, 0.0, 20.0)]),
    ]
    lines = "\n".join(table(task, runs))
    assert "| Seedcast | 1 of 2 | 1,000 (1,000 to 1,000) | 2.0 (2.0 to 2.0) |" in lines
    assert "| Gymnasium | 0 of 1 | | |" in lines
