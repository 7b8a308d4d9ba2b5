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

from seedcast.services.master.derived.files import PLOTS, TEXTS
from seedcast.services.master.derived.process import WriterProcess
from seedcast.services.master.derived.refresher import Refresher
from seedcast.services.master.dispatch.batch import Batch, BatchResult
from seedcast.services.master.dispatch.dispatcher import Dispatcher
from seedcast.services.master.evolution.state import Evolution
from seedcast.services.master.experiments.changes import Changes
from seedcast.services.master.experiments.repository import ExperimentRepository
from seedcast.services.master.experiments.runner import Collaborators
from seedcast.services.master.experiments.schemas import Experiment
from seedcast.services.master.experiments.service import ExperimentService
from seedcast.services.master.experiments.status import Status
from seedcast.services.master.fleet.fleet import Fleet
from seedcast.services.master.fleet.worker import ROLLOUTS
from seedcast.services.master.storage.data_folder import DataFolder
from seedcast.services.master.storage.database import Database
from seedcast.services.master.storage.history import History
from seedcast.shared.spec.environment import DiscreteActions, EnvironmentDescription
from tests.processes import PATIENCE
from tests.specs import cartpole

DESCRIPTION = EnvironmentDescription(
    observation_size=4, actions=DiscreteActions(count=2), max_episode_steps=100, engine="envpool"
)
LONG = cartpole(test={"every": 3, "episodes": 4}, stop={"generations": 1_000_000})


class Rollouts:
    """In the dispatcher's place: returns that follow from the seeds alone, until told to hang."""

    hang = False

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

    ready = (SimpleNamespace(fingerprint="f", offers=(ROLLOUTS,), told=lambda _: DESCRIPTION),)

    def commonest_fingerprint(self, needs: str) -> str:
        assert needs == ROLLOUTS
        return "f"

    def idle_seconds(self, _: str | None) -> float:
        return 0.0

    async def wait_until_ready(self) -> None:
        pass


class Master:
    """What survives a restart is in ``folder``; all else is new."""

    def __init__(self, folder: Path) -> None:
        self.data = DataFolder(folder)
        self.database = Database(self.data.database)
        self.rollouts = Rollouts()
        self.repository = ExperimentRepository(self.database)
        self.refresher = Refresher(self.data.database, self.data.experiment, self.repository.note_files_exact)
        self.collaborators = Collaborators(
            self.repository,
            History(self.database),
            cast(Dispatcher, self.rollouts),
            cast(Fleet, Workers()),
            self.refresher,
        )
        self.service = ExperimentService(self.data, self.collaborators)
        self.refreshing = asyncio.create_task(self.refresher.run())

    async def until(self, experiment_id: str, reached: Callable[[Experiment], bool]) -> Experiment:
        async with asyncio.timeout(PATIENCE):
            while not reached(experiment := await self.service.get(experiment_id)):  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        return experiment

    async def close(self) -> None:
        await self.service.lives.close()
        self.refreshing.cancel()
        await asyncio.gather(self.refreshing, return_exceptions=True)
        self.database.close()
        self.data.close()

    async def until_files_are_exact(self, experiment_id: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while experiment_id in await self.repository.with_files_behind():  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def assert_files_agree(self, experiment_id: str, plots: bool = True) -> None:
        for name in (*TEXTS, *(PLOTS if plots else ())):
            await self.refresher.fresh(experiment_id, name)
        folder = self.data.experiment(experiment_id)
        experiment = await self.service.get(experiment_id)
        tests = await self.service.history.tests(experiment_id)
        scores = (folder / "scores.csv").read_text().splitlines()[1:]
        assert [int(row.split(",")[1]) for row in scores] == [test.generation for test in tests]
        assert len((folder / "log.txt").read_text().splitlines()) == experiment.generation
        best = folder / f"model_{experiment.best_generation}.npz"
        assert (folder / "best_model.npz").read_bytes() == best.read_bytes()
        for name in PLOTS if plots else ():
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


def test_a_resumed_experiments_files_agree_with_the_database(tmp_path: Path, interrupted: str) -> None:
    spoil(tmp_path / "experiments" / interrupted)

    async def resume(master: Master) -> None:
        master.rollouts.hang = True
        await master.service.lives.resume_all()
        await master.until(interrupted, lambda one: one.status is Status.RUNNING)
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
        await master.until_files_are_exact(experiment.id)
        await master.assert_files_agree(experiment.id)

    running(tmp_path, story)


def test_an_end_whose_files_were_not_written_any_more_is_made_good_by_the_next_master(tmp_path: Path) -> None:
    ended: list[str] = []

    async def end(master: Master) -> None:
        master.refreshing.cancel()
        experiment = await master.service.create(LONG)
        await master.until(experiment.id, lambda one: one.best_generation is not None)
        await master.service.stop(experiment.id)
        assert not (tmp_path / "experiments" / experiment.id / "log.txt").exists()
        ended.append(experiment.id)

    async def resume(master: Master) -> None:
        await master.service.lives.resume_all()
        await master.until_files_are_exact(ended[0])
        await master.assert_files_agree(ended[0])

    running(tmp_path, end)
    running(tmp_path, resume)


def test_the_configuration_says_what_was_changed_before_another_generation_is_committed(tmp_path: Path) -> None:
    async def story(master: Master) -> None:
        experiment = await master.service.create(LONG)
        await master.until(experiment.id, lambda one: one.generation >= 1)
        master.rollouts.hang = True
        await master.refresher.fresh(experiment.id, "config.yaml")
        await master.service.change(experiment.id, Changes(name="renamed"))
        opened = await master.service.artifact(experiment.id, "config.yaml")
        assert b"name: renamed\n" in b"".join(opened.chunks())

    running(tmp_path, story)


def test_an_end_is_stored_without_waiting_for_plots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: Any, **__: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(WriterProcess, "write", never)

    async def story(master: Master) -> None:
        ended = [(await master.service.create(LONG)).id for _ in range(3)]
        for one in ended:
            await master.until(one, lambda seen: seen.generation >= 1)
            assert (await master.service.stop(one)).status is Status.STOPPED
        completed = await master.service.create(cartpole())
        await master.until(completed.id, lambda one: one.status is Status.COMPLETED)
        assert master.service.lives.demand() == {}

    running(tmp_path, story)


def test_a_best_model_without_its_source_does_not_keep_an_experiment_from_resuming(
    tmp_path: Path, interrupted: str
) -> None:
    for model in (tmp_path / "experiments" / interrupted).glob("model_*.npz"):
        model.unlink()

    async def resume(master: Master) -> None:
        before = (await master.service.get(interrupted)).generation
        await master.service.lives.resume_all()
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
        await master.service.lives.resume_all()
        wanted = max(6, len(before) + 2)
        await master.until(experiment_id, lambda one: one.generation >= wanted or not one.status.active)
        rows = await master.service.history.generations(experiment_id)
        digests = [row.parameters_sha256 for row in rows]
        assert digests[: len(begun[0][1])][:6] == begun[0][1][:6]
        assert len(digests) >= wanted

    running(tmp_path, reference)
    running(tmp_path, begin)
    for model in source.parent.glob("*.npz"):
        model.unlink()
    running(tmp_path, resume)


def test_the_best_model_is_there_before_its_file_is_written(tmp_path: Path) -> None:
    async def story(master: Master) -> None:
        master.refreshing.cancel()  # from here on nothing writes the files that are made beside training
        experiment = await master.service.create(cartpole(test={"every": 1, "episodes": 4}))
        ended = await master.until(experiment.id, lambda one: one.status is Status.COMPLETED)
        name = f"experiments/{experiment.id}/best_model.npz"
        assert not (tmp_path / name).exists()
        opened = await master.service.artifact(experiment.id, "best_model.npz")
        best = tmp_path / f"experiments/{experiment.id}/model_{ended.best_generation}.npz"
        assert (opened.name, b"".join(opened.chunks())) == ("best_model.npz", best.read_bytes())
        warm = await master.service.create(LONG.model_copy(update={"warm_start": name}))
        assert (tmp_path / f"experiments/{warm.id}/warm_start.npz").exists()

    running(tmp_path, story)


def test_a_best_model_whose_original_was_removed_is_read_from_its_own_file(tmp_path: Path) -> None:
    async def story(master: Master) -> None:
        experiment = await master.service.create(cartpole(test={"every": 1, "episodes": 4}))
        ended = await master.until(experiment.id, lambda one: one.status is Status.COMPLETED)
        await master.until_files_are_exact(experiment.id)
        folder = tmp_path / "experiments" / experiment.id
        (folder / f"model_{ended.best_generation}.npz").unlink()
        opened = await master.service.artifact(experiment.id, "best_model.npz")
        assert b"".join(opened.chunks()) == (folder / "best_model.npz").read_bytes()
        warm = {"warm_start": f"experiments/{experiment.id}/best_model.npz"}
        await master.service.create(LONG.model_copy(update=warm))

    running(tmp_path, story)


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


def test_no_test_reads_the_whole_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    page = History.page

    async def noted(self: History, *arguments: Any) -> list[str]:
        texts = await page(self, *arguments)
        read.append(len(texts))
        return texts

    monkeypatch.setattr(History, "page", noted)

    async def story(master: Master) -> None:
        experiment = await master.service.create(cartpole(test={"every": 1, "episodes": 4}))
        await master.until(experiment.id, lambda one: one.status is Status.COMPLETED)
        assert len(await master.service.history.tests(experiment.id)) == 6
        assert read == [6]

    running(tmp_path, story)


def test_wall_time_counts_tests_and_commits(tmp_path: Path) -> None:
    spec = cartpole(test={"every": 1, "episodes": 4}, stop={"generations": 10_000, "wall_time_seconds": 0.5})

    async def story(master: Master) -> None:
        run = master.rollouts.run

        async def slow_tests(batch: Batch) -> BatchResult:
            if batch.background:
                await asyncio.sleep(0.2)
            return await run(batch)

        master.rollouts.run = slow_tests  # type: ignore[method-assign]
        experiment = await master.service.create(spec)
        ended = await master.until(experiment.id, lambda one: one.status is Status.COMPLETED)
        assert "the limit is 0.5" in ended.reason
        assert ended.generation <= 4  # each waits for a test of 0.2 s
        assert ended.elapsed_seconds >= 0.2 * ended.generation

    running(tmp_path, story)
