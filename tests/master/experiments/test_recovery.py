"""A runner on a real database and folder, with made-up rollouts, interrupted where it hurts."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from services.master.dispatch.batch import Batch, BatchResult
from services.master.dispatch.dispatcher import Dispatcher
from services.master.dispatch.fleet import Fleet
from services.master.evolution.state import Evolution
from services.master.experiments.repository import ExperimentRepository
from services.master.experiments.runner import Rooms
from services.master.experiments.schemas import Experiment
from services.master.experiments.service import ExperimentService
from services.master.experiments.status import Status
from services.master.storage.artifacts import Artifacts
from services.master.storage.data_folder import DataFolder
from services.master.storage.database import Database
from services.master.storage.history import History
from shared.spec.environment import DiscreteActions, EnvironmentDescription
from tests.specs import cartpole

DESCRIPTION = EnvironmentDescription(
    observation_size=4, actions=DiscreteActions(count=2), max_episode_steps=100, engine="envpool"
)
LONG = cartpole(test={"every": 3, "episodes": 4}, stop={"generations": 1_000_000})


class Rollouts:
    """In the dispatcher's place: returns that follow from the seeds alone, until told to hang."""

    hang = False

    def idle_seconds(self, _: str | None) -> float:
        return 0.0

    async def run(self, batch: Batch) -> BatchResult:
        await asyncio.sleep(0.002)
        if self.hang:
            await asyncio.Event().wait()
        made = BatchResult.empty(len(batch))
        made.returns[:] = made.fitness[:] = np.random.default_rng(int(batch.seeds[0, 0])).normal(size=len(batch))
        made.lengths[:] = 10
        made.observation_sums = np.ones((len(batch), 4))
        made.observation_squares = np.ones((len(batch), 4))
        return made

    def progress(self, _: str) -> None:
        return None


class Workers:
    """In the fleet's place: always there."""

    ready = (SimpleNamespace(fingerprint="f"),)
    commonest_fingerprint = "f"

    async def wait_until_ready(self) -> None:
        pass

    async def describe(self, _: Any) -> EnvironmentDescription:
        return DESCRIPTION


class Master:
    """What survives a restart is in ``folder``; all else is new."""

    def __init__(self, folder: Path) -> None:
        self.data = DataFolder(folder)
        self.database = Database(self.data.database)
        self.rollouts = Rollouts()
        self.rooms = Rooms(
            ExperimentRepository(self.database),
            History(self.database),
            cast(Dispatcher, self.rollouts),
            cast(Fleet, Workers()),
        )
        self.service = ExperimentService(self.data, self.rooms)

    async def until(self, experiment_id: str, reached: Callable[[Experiment], bool]) -> Experiment:
        async with asyncio.timeout(60):
            while not reached(experiment := await self.service.get(experiment_id)):  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        return experiment

    async def close(self) -> None:
        await self.service.close()
        self.database.close()
        self.data.close()

    async def assert_files_agree(self, experiment_id: str) -> None:
        folder = self.data.experiment(experiment_id)
        experiment = await self.service.get(experiment_id)
        tests = await self.service.history.tests(experiment_id)
        scores = (folder / "scores.csv").read_text().splitlines()[1:]
        assert [int(row.split(",")[1]) for row in scores] == [test.generation for test in tests]
        assert len((folder / "log.txt").read_text().splitlines()) == experiment.generation
        best = folder / f"model_{experiment.best_generation}.npz"
        assert (folder / "best_model.npz").read_bytes() == best.read_bytes()
        for name in ("reward_vs_time.png", "reward_vs_iteration.png"):
            assert (folder / name).read_bytes().startswith(b"\x89PNG"), name


def spoil(folder: Path) -> None:
    """Leave the files as a crash right after the commit of a test would, or worse."""
    (folder / "best_model.npz").write_bytes(b"old")
    (folder / "scores.csv").write_text("Time,Iteration,Reward\n")
    (folder / "log.txt").write_text("generation 1\ngeneration 1\n")
    for name in ("reward_vs_time.png", "reward_vs_iteration.png"):
        (folder / name).unlink(missing_ok=True)


def running(folder: Path, story: Callable[[Master], Awaitable[None]]) -> None:
    async def run() -> None:
        master = Master(folder)
        try:
            await story(master)
        finally:
            await master.close()

    asyncio.run(run())


@pytest.fixture
def interrupted(tmp_path: Path) -> str:
    """An experiment with tests behind it, whose master is gone."""
    experiments: list[str] = []

    async def begin(master: Master) -> None:
        experiment = await master.service.create(LONG)
        await master.until(experiment.id, lambda one: one.generation >= 5 and one.best_generation is not None)
        experiments.append(experiment.id)

    running(tmp_path, begin)
    return experiments[0]


def test_a_resumed_experiments_files_agree_with_the_database_at_once(tmp_path: Path, interrupted: str) -> None:
    spoil(tmp_path / "experiments" / interrupted)

    async def resume(master: Master) -> None:
        master.rollouts.hang = True
        await master.service.resume_all()
        log = tmp_path / "experiments" / interrupted / "log.txt"
        await master.until(interrupted, lambda one: len(log.read_text().splitlines()) == one.generation)
        async with asyncio.timeout(5):
            while not (tmp_path / "experiments" / interrupted / "reward_vs_iteration.png").exists():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        await master.assert_files_agree(interrupted)

    running(tmp_path, resume)


@pytest.mark.parametrize("end", ["stopped", "failed"])
def test_an_ended_experiments_files_agree_with_the_database(
    end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(master: Master) -> None:
        experiment = await master.service.create(LONG)
        await master.until(experiment.id, lambda one: one.best_generation is not None)
        master.rollouts.hang = end == "stopped"
        await asyncio.sleep(0.3)
        spoil(tmp_path / "experiments" / experiment.id)
        if end == "stopped":
            await master.service.stop(experiment.id)
        else:
            monkeypatch.setattr(Evolution, "checkpoint", lambda _: 1 / 0)
            await master.until(experiment.id, lambda one: one.status is Status.FAILED)
        assert (await master.service.get(experiment.id)).status == end
        await master.assert_files_agree(experiment.id)

    running(tmp_path, story)


def test_stopping_waits_for_the_scores_that_are_being_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing, written = threading.Event(), threading.Event()
    write_scores = Artifacts.write_scores

    def slowly(self: Artifacts, *arguments: Any) -> None:
        writing.set()
        threading.Event().wait(0.3)
        write_scores(self, *arguments)
        written.set()

    async def story(master: Master) -> None:
        experiment = await master.service.create(LONG)
        await master.until(experiment.id, lambda one: one.generation >= 1)
        monkeypatch.setattr(Artifacts, "write_scores", slowly)
        await asyncio.to_thread(writing.wait, 10)
        monkeypatch.setattr(Artifacts, "write_scores", write_scores)
        await master.service.stop(experiment.id)
        assert written.is_set()
        await master.assert_files_agree(experiment.id)

    running(tmp_path, story)


def test_a_best_model_without_its_source_does_not_keep_an_experiment_from_resuming(
    tmp_path: Path, interrupted: str
) -> None:
    for model in (tmp_path / "experiments" / interrupted).glob("model_*.npz"):
        model.unlink()

    async def resume(master: Master) -> None:
        before = (await master.service.get(interrupted)).generation
        await master.service.resume_all()
        await master.until(interrupted, lambda one: one.generation > before or not one.status.active)
        assert (await master.service.get(interrupted)).status is Status.RUNNING

    running(tmp_path, resume)


@pytest.mark.parametrize("generations", [0, 3])
def test_a_resumed_experiment_no_longer_needs_the_file_it_was_warm_started_from(
    generations: int, tmp_path: Path, interrupted: str
) -> None:
    source = tmp_path / "experiments" / interrupted / "best_model.npz"
    warm = LONG.model_copy(update={"warm_start": str(source.relative_to(tmp_path))})
    begun: list[tuple[str, list[str]]] = []

    async def begin(master: Master) -> None:
        master.rollouts.hang = generations == 0
        experiment = await master.service.create(warm)
        await master.until(experiment.id, lambda one: one.generation >= generations)
        await asyncio.sleep(0.3)  # time enough for a copy
        digests = [row.parameters_sha256 for row in await master.service.history.generations(experiment.id)]
        begun.append((experiment.id, digests))

    async def reference(master: Master) -> None:
        experiment = await master.service.create(warm)
        await master.until(experiment.id, lambda one: one.generation >= 6)
        rows = await master.service.history.generations(experiment.id)
        begun.append((experiment.id, [row.parameters_sha256 for row in rows]))

    async def resume(master: Master) -> None:
        experiment_id, before = begun[1]
        await master.service.resume_all()
        wanted = max(6, len(before) + 2)
        await master.until(experiment_id, lambda one: one.generation >= wanted or not one.status.active)
        rows = await master.service.history.generations(experiment_id)
        digests = [row.parameters_sha256 for row in rows]
        assert digests[: len(begun[0][1])][:6] == begun[0][1][:6]
        assert len(digests) >= wanted

    running(tmp_path, reference)
    running(tmp_path, begin)
    source.unlink()
    running(tmp_path, resume)


def test_a_checkpoint_is_made_off_the_event_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: set[int] = set()
    checkpoint = Evolution.checkpoint

    def noted(self: Evolution) -> Any:
        threads.add(threading.get_ident())
        return checkpoint(self)

    monkeypatch.setattr(Evolution, "checkpoint", noted)

    async def story(master: Master) -> None:
        experiment = await master.service.create(LONG)
        await master.until(experiment.id, lambda one: one.generation >= 2)
        assert threading.get_ident() not in threads

    running(tmp_path, story)


def test_resuming_writes_no_file_on_the_event_loop(
    tmp_path: Path, interrupted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: set[int] = set()

    def noted(name: str) -> Callable[..., None]:
        original: Callable[..., None] = getattr(Artifacts, name)

        def write(*arguments: Any) -> None:
            threads.add(threading.get_ident())
            original(*arguments)

        return write

    for name in ("write_config", "write_log", "promote_model"):
        monkeypatch.setattr(Artifacts, name, noted(name))

    async def resume(master: Master) -> None:
        before = (await master.service.get(interrupted)).generation
        await master.service.resume_all()
        await master.until(interrupted, lambda one: one.generation > before)
        assert threads
        assert threading.get_ident() not in threads

    running(tmp_path, resume)
