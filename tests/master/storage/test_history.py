from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from seedcast.services.master.experiments.repository import ExperimentRepository
from seedcast.services.master.experiments.status import Status
from seedcast.services.master.storage.checkpoints import Checkpoint
from seedcast.services.master.storage.database import Database
from seedcast.services.master.storage.history import History
from seedcast.services.master.storage.records import GenerationRecord, ReturnSummary, TestRecord
from seedcast.shared.errors import Conflict, NotFound
from seedcast.shared.spec.experiment import ExperimentSpec
from tests.specs import cartpole


def summary(mean: float) -> ReturnSummary:
    return ReturnSummary(mean=mean, std=1, minimum=mean - 1, median=mean, maximum=mean + 1)


def generation(number: int) -> GenerationRecord:
    return GenerationRecord(
        generation=number,
        returns=summary(number),
        fitness=summary(number),
        mean_length=10,
        episode_cap=None,
        environment_steps=100 * number,
        elapsed_seconds=float(number),
        generation_seconds=1,
        master_seconds=0.1,
        parameters_sha256="0" * 64,
    )


def test_record(number: int, mean: float) -> TestRecord:
    return TestRecord(
        generation=number,
        returns=summary(mean),
        episodes=1,
        mean_length=10,
        environment_steps=100,
        elapsed_seconds=1,
        episode_returns=[mean],
    )


test_record.__test__ = False  # type: ignore[attr-defined]  # a helper


def checkpoint(number: int) -> Checkpoint:
    return Checkpoint(number, f"{number:08d}.safetensors", 1, 10, "0" * 64)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "seedcast.db")


async def _history_of(database: Database, generations: int, spec: ExperimentSpec) -> History:
    await ExperimentRepository(database).add("e", spec, None)
    history = History(database)
    for number in range(1, generations + 1):
        await history.commit_generation("e", generation(number), checkpoint(number))
    return history


def test_a_commit_moves_history_checkpoint_and_counters_together(database: Database) -> None:
    async def run() -> None:
        history = await _history_of(database, 5, cartpole())
        experiment = await ExperimentRepository(database).get("e")
        assert (experiment.generation, experiment.environment_steps) == (5, 500)
        assert [record.generation for record in await history.generations("e", after=3)] == [4, 5]
        assert [kept.generation for kept in await history.checkpoints("e")] == [3, 4, 5]

    asyncio.run(run())


def test_a_generation_committed_twice_changes_nothing(database: Database) -> None:
    async def run() -> None:
        history = await _history_of(database, 2, cartpole())
        with pytest.raises(sqlite3.IntegrityError):
            await history.commit_generation("e", generation(2), checkpoint(2))
        assert len(await history.generations("e")) == 2
        assert (await ExperimentRepository(database).get("e")).generation == 2

    asyncio.run(run())


def test_rolling_back_forgets_everything_later(database: Database) -> None:
    async def run() -> None:
        history = await _history_of(database, 5, cartpole())
        await history.commit_test("e", test_record(5, 10.0))
        await history.roll_back("e", 3)
        assert [record.generation for record in await history.generations("e")] == [1, 2, 3]
        assert await history.tests("e") == []
        experiment = await ExperimentRepository(database).get("e")
        assert (experiment.generation, experiment.elapsed_seconds) == (3, 3.0)
        assert experiment.best_test_return is None

    asyncio.run(run())


def test_only_a_better_test_becomes_the_best(database: Database) -> None:
    async def run() -> None:
        history = await _history_of(database, 3, cartpole())
        verdicts = [await history.commit_test("e", test_record(n, s)) for n, s in ((1, 5.0), (2, 4.0), (3, 6.0))]
        assert verdicts == [True, False, True]
        assert (await ExperimentRepository(database).get("e")).best_generation == 3

    asyncio.run(run())


def test_an_ended_experiment_does_not_change_its_status(database: Database) -> None:
    async def run() -> None:
        repository = ExperimentRepository(database)
        await repository.add("e", cartpole(), None)
        await repository.set_status("e", Status.STOPPED, "stopped on request")
        with pytest.raises(Conflict):
            await repository.set_status("e", Status.COMPLETED, "too late")
        assert (await repository.get("e")).status is Status.STOPPED

    asyncio.run(run())


def test_an_unknown_experiment_is_not_found(database: Database) -> None:
    with pytest.raises(NotFound, match="'nothing'"):
        asyncio.run(ExperimentRepository(database).get("nothing"))


def test_figures_of_a_strategy_that_diverged_do_not_make_the_history_unreadable(database: Database) -> None:
    diverged = GenerationRecord(**generation(1).model_dump() | {"strategy": {"sigma": float("inf"), "rate": 0.5}})

    async def run() -> None:
        await ExperimentRepository(database).add("e", cartpole(), None)
        history = History(database)
        await history.commit_generation("e", diverged, checkpoint(1))
        assert (await history.generations("e"))[0].strategy == {"rate": 0.5}

    asyncio.run(run())


def test_a_summary_that_json_cannot_hold_is_refused_before_it_is_committed() -> None:
    with pytest.raises(ValueError, match="finite number"):
        summary(float("inf"))
