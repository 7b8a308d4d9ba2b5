"""Commits and restores on a real database and folder: sparse checkpoints, replay, and what may go wrong."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seedcast.services.master.dispatch.batch import BatchResult
from seedcast.services.master.evolution.generation import summarise
from seedcast.services.master.evolution.state import Evolution
from seedcast.services.master.experiments import evolution_store
from seedcast.services.master.experiments.evolution_store import EvolutionStore
from seedcast.services.master.experiments.repository import ExperimentRepository
from seedcast.services.master.storage import spacing
from seedcast.services.master.storage.checkpoints import Checkpoint, write_checkpoint
from seedcast.services.master.storage.database import Database
from seedcast.services.master.storage.history import History
from seedcast.services.master.storage.records import GenerationRecord
from seedcast.shared.errors import DamagedCheckpoint
from seedcast.shared.spec.environment import DiscreteActions, EnvironmentDescription
from tests.specs import cartpole

SPEC = cartpole(fitness={"episode_cap": {"minimum": 5, "multiple": 2}})
DESCRIPTION = EnvironmentDescription(
    observation_size=4, actions=DiscreteActions(count=2), max_episode_steps=100, engine="envpool"
)
ROLLOUTS = SPEC.population_size * SPEC.episodes_per_member


class Search:
    """An evolution that learns made-up results, and its store."""

    def __init__(self, folder: Path) -> None:
        (folder / "checkpoints").mkdir(exist_ok=True)
        self.history = History(Database(folder / "seedcast.db"))
        self.store = EvolutionStore("e", folder / "checkpoints", self.history)
        self.evolution = begin()

    async def learn(self, generations: int) -> None:
        for _ in range(generations):
            await self.store.commit(self.evolution, learn(self.evolution))

    async def restored(self, committed: int) -> Evolution:
        return await self.store.restore(begin, nothing, committed)


def begin() -> Evolution:
    return Evolution.begin("e", SPEC, DESCRIPTION)


async def nothing(_: Evolution) -> None:
    pass


def learn(evolution: Evolution) -> GenerationRecord:
    """Take one generation's step on results that follow from its number."""
    random = np.random.default_rng(evolution.generation)
    result = BatchResult.empty(ROLLOUTS)
    result.returns[:] = result.fitness[:] = random.normal(size=ROLLOUTS)
    result.lengths[:] = random.integers(3, 30, ROLLOUTS)
    result.observation_sums = random.normal(size=(ROLLOUTS, 4))
    result.observation_squares = random.normal(size=(ROLLOUTS, 4)) ** 2
    evolution.strategy.ask()
    fitness, _ = evolution.learn(result)
    evolution.elapsed_seconds += 1.5
    return GenerationRecord(
        generation=evolution.generation,
        returns=summarise(result.returns),
        fitness=summarise(fitness),
        mean_length=float(result.lengths.mean()),
        episode_cap=None,
        environment_steps=evolution.environment_steps,
        elapsed_seconds=evolution.elapsed_seconds,
        generation_seconds=1,
        master_seconds=0.1,
        parameters_sha256=evolution.parameters_sha256(),
    )


def state(evolution: Evolution) -> tuple[str, dict[str, bytes]]:
    header, arrays = evolution.checkpoint()
    return header, {name: array.tobytes() for name, array in arrays.items()}


def reference(generations: int) -> Evolution:
    """Return what never was interrupted."""
    evolution = begin()
    for _ in range(generations):
        learn(evolution)
    return evolution


@pytest.fixture
def sparse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make checkpoints of any size large ones, due after every fifth generation."""
    monkeypatch.setattr(spacing, "LARGE_BYTES", 1)
    monkeypatch.setattr(spacing, "WORTHWHILE_RATIO", 0)
    monkeypatch.setattr(spacing, "MOST_GENERATIONS", 5)


def searching(folder: Path, story: Callable[[Search], Awaitable[None]]) -> None:
    async def run() -> None:
        await story(Search(folder))

    asyncio.run(run())


def commit(folder: Path, generations: int) -> None:
    async def story(search: Search) -> None:
        await ExperimentRepository(search.history._database).add("e", SPEC, DESCRIPTION)
        await search.learn(generations)

    searching(folder, story)


def checkpoints(folder: Path) -> list[int]:
    return sorted(int(path.stem) for path in (folder / "checkpoints").iterdir())


@pytest.mark.usefixtures("sparse")
@pytest.mark.parametrize("generations", [1, 2, 5, 6, 8])
def test_generations_without_a_checkpoint_are_restored_to_the_bit(generations: int, tmp_path: Path) -> None:
    commit(tmp_path, generations)
    assert checkpoints(tmp_path) == [1, 6][: 1 + (generations > 5)]

    async def story(search: Search) -> None:
        evolution = await search.restored(generations)
        assert state(evolution) == state(reference(generations))

    searching(tmp_path, story)


@pytest.mark.usefixtures("sparse")
def test_what_is_learnt_after_a_replay_is_what_would_have_been_learnt(tmp_path: Path) -> None:
    commit(tmp_path, 8)

    async def story(search: Search) -> None:
        search.evolution = await search.restored(8)
        await search.learn(6)
        assert state(search.evolution) == state(reference(14))
        rows = await search.history.generations("e")
        assert [row.generation for row in rows] == list(range(1, 15))

    searching(tmp_path, story)
    assert checkpoints(tmp_path) == [1, 6, 11]  # a restart does not put the next checkpoint off


@pytest.mark.usefixtures("sparse")
def test_a_damaged_checkpoint_is_replayed_over_and_no_generation_is_lost(tmp_path: Path) -> None:
    commit(tmp_path, 13)
    newest = tmp_path / "checkpoints" / "00000011.safetensors"
    newest.write_bytes(b"")

    async def story(search: Search) -> None:
        assert state(await search.restored(13)) == state(reference(13))

    searching(tmp_path, story)


@pytest.mark.usefixtures("sparse")
def test_damaged_results_end_the_replay_before_them(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    commit(tmp_path, 5)
    with closing(sqlite3.connect(tmp_path / "seedcast.db")) as database, database:
        (frame,) = database.execute("SELECT frame FROM results WHERE generation = 4").fetchone()
        damaged = frame[:-1] + bytes([frame[-1] ^ 1])
        database.execute("UPDATE results SET frame = ? WHERE generation = 4", (damaged,))

    async def story(search: Search) -> None:
        with caplog.at_level(logging.ERROR):
            assert state(await search.restored(5)) == state(reference(3))
        assert "results of generation 4: body: is a Seedcast frame that was damaged" in caplog.text
        assert "generations 4 to 5 cannot be restored and are computed again" in caplog.text

    searching(tmp_path, story)


@pytest.mark.usefixtures("sparse")
def test_a_replay_that_comes_out_different_is_reported_and_not_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    commit(tmp_path, 5)
    with closing(sqlite3.connect(tmp_path / "seedcast.db")) as database, database:
        query = "UPDATE results SET frame = (SELECT frame FROM results WHERE generation = 2) WHERE generation = 4"
        database.execute(query)

    async def story(search: Search) -> None:
        with caplog.at_level(logging.ERROR):
            assert state(await search.restored(5)) == state(reference(3))
        assert "generation 4 has other parameters when replayed" in caplog.text

    searching(tmp_path, story)


def test_a_search_of_which_nothing_is_left_does_not_begin_anew(tmp_path: Path) -> None:
    commit(tmp_path, 3)
    with closing(sqlite3.connect(tmp_path / "seedcast.db")) as database, database:
        database.execute("DELETE FROM checkpoints")

    async def story(search: Search) -> None:
        with pytest.raises(DamagedCheckpoint, match="nothing is left of 3 generations"):
            await search.restored(3)

    searching(tmp_path, story)


def test_a_disk_that_takes_its_time_keeps_nobody_else_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, waiting = threading.Event(), 0

    def slow(*written: Any) -> Checkpoint:
        nonlocal waiting
        waiting += 1
        assert disk.wait(60)
        return write_checkpoint(*written)

    async def story(search: Search) -> None:
        monkeypatch.setattr(evolution_store, "write_checkpoint", slow)
        commits = []
        for number in range(40):  # more than there are threads for all else on any machine
            name, evolution = f"e{number}", begin()
            await ExperimentRepository(search.history._database).add(name, SPEC, DESCRIPTION)
            (tmp_path / name).mkdir()
            store = EvolutionStore(name, tmp_path / name, search.history)
            commits.append(asyncio.create_task(store.commit(evolution, learn(evolution))))
        async with asyncio.timeout(60):
            while waiting < 16:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            assert await asyncio.to_thread(lambda: "answered") == "answered"
        disk.set()
        await asyncio.gather(*commits)

    searching(tmp_path, story)
