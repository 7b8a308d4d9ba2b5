"""Experiments stopped, paused, resumed and deleted, on a real database and a disk that refuses now and then."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from seedcast.services.master import failpoints
from seedcast.services.master.experiments import disk_retry, lifecycle
from seedcast.services.master.experiments.repository import ExperimentRepository
from seedcast.services.master.experiments.schemas import Experiment
from seedcast.services.master.experiments.status import Status
from seedcast.shared.errors import Conflict, NotFound, StorageFailed
from tests.master.experiments.test_recovery import LONG, Master, running
from tests.processes import PATIENCE
from tests.specs import cartpole

SPEC = cartpole(test={"every": 5, "episodes": 4}, stop={"generations": 20})


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(disk_retry, "FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(lifecycle, "FIRST_PAUSE_SECONDS", 0.01)
    yield
    failpoints.arm("")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    found: list[str] = []

    async def story(master: Master) -> None:
        experiment = await master.service.create(SPEC)
        await master.until(experiment.id, lambda one: one.status is Status.COMPLETED)
        found.extend(await digests(master, experiment.id))

    running(tmp_path_factory.mktemp("undisturbed"), story)
    return found


async def digests(master: Master, experiment_id: str) -> list[str]:
    rows = await master.service.history.generations(experiment_id)
    assert [row.generation for row in rows] == list(range(1, len(rows) + 1))
    return [row.parameters_sha256 for row in rows]


def runners(experiment_id: str) -> int:
    return [task.get_name() for task in asyncio.all_tasks()].count(experiment_id)


def test_a_paused_experiment_stays_paused_over_a_restart_and_goes_on_as_if_nothing_had_happened(
    tmp_path: Path, undisturbed: list[str]
) -> None:
    begun: list[str] = []

    async def pause(master: Master) -> None:
        begun.append((await master.service.create(SPEC)).id)
        await master.until(begun[0], lambda one: one.generation >= 7)
        paused = await master.service.pause(begun[0])
        assert (paused.status, paused.active, paused.finished_at) == (Status.PAUSED, False, None)
        assert master.service.lives.demand() == {}
        with pytest.raises(Conflict, match="cannot be paused: it is paused"):
            await master.service.pause(begun[0])

    async def resume(master: Master) -> None:
        await master.service.lives.resume_all()
        await asyncio.sleep(0.1)
        assert runners(begun[0]) == 0
        paused = await master.service.get(begun[0])
        assert paused.status is Status.PAUSED
        resumed = await master.service.resume(begun[0])
        assert resumed.active
        with pytest.raises(Conflict, match="cannot be resumed: it is running"):
            await master.service.resume(begun[0])
        ended = await master.until(begun[0], lambda one: not one.active)
        assert (ended.status, ended.generation) == (Status.COMPLETED, 20)
        assert await digests(master, begun[0]) == undisturbed

    running(tmp_path, pause)
    running(tmp_path, resume)


@pytest.mark.parametrize("end", ["stopped", "failed", "paused and stopped"])
def test_an_experiment_that_ended_early_is_resumed_from_its_last_commit(
    end: str, tmp_path: Path, undisturbed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(master: Master) -> None:
        experiment_id = (await master.service.create(SPEC)).id
        await master.until(experiment_id, lambda one: one.generation >= 4)
        if end == "failed":
            with monkeypatch.context() as context:
                context.setattr(master.rollouts, "run", lambda _: 1 / 0)
                await master.until(experiment_id, lambda one: one.status is Status.FAILED)
        else:
            if end == "paused and stopped":
                await master.service.pause(experiment_id)
            assert (await master.service.stop(experiment_id)).status is Status.STOPPED
        ended = await master.service.get(experiment_id)
        assert ended.finished_at is not None
        resumed = await master.service.resume(experiment_id)
        assert (resumed.active, resumed.finished_at) == (True, None)
        await master.until(experiment_id, lambda one: one.status is Status.COMPLETED)
        assert await digests(master, experiment_id) == undisturbed
        with pytest.raises(Conflict, match="cannot be resumed: it has ended already: completed"):
            await master.service.resume(experiment_id)

    running(tmp_path, story)


@pytest.mark.parametrize("force", [False, True])
def test_a_deleted_experiment_leaves_neither_rows_nor_files(force: bool, tmp_path: Path) -> None:
    async def story(master: Master) -> None:
        experiment_id = (await master.service.create(LONG)).id
        other = (await master.service.create(SPEC)).id
        await master.until(experiment_id, lambda one: one.generation >= 4)
        with pytest.raises(Conflict, match="cannot be deleted without force: it is running"):
            await master.service.delete(experiment_id)
        if not force:
            await master.service.stop(experiment_id)
        await master.service.delete(experiment_id, force=force)
        assert runners(experiment_id) == 0
        for request in (master.service.get, master.service.delete, master.service.stop, master.service.resume):
            with pytest.raises(NotFound):
                await request(experiment_id)
        await gone(master, experiment_id)
        await master.until(other, lambda one: one.status is Status.COMPLETED)

    running(tmp_path, story)


def test_a_deletion_is_finished_by_the_next_master(tmp_path: Path) -> None:
    deleted: list[str] = []

    async def delete(master: Master) -> None:
        deleted.append((await master.service.create(SPEC)).id)
        await master.until(deleted[0], lambda one: one.status is Status.COMPLETED)
        failpoints.arm("deletion.before_files=error")
        await master.service.delete(deleted[0])
        await asyncio.sleep(0.05)
        assert (tmp_path / "experiments" / deleted[0]).exists()

    async def finish(master: Master) -> None:
        failpoints.arm("")
        await master.service.lives.resume_all()
        await gone(master, deleted[0])

    running(tmp_path, delete)
    running(tmp_path, finish)


async def gone(master: Master, experiment_id: str) -> None:
    """Wait until nothing is left of an experiment."""
    async with asyncio.timeout(PATIENCE):
        while experiment_id in await master.repository.statuses():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert not (master.data.experiments / experiment_id).exists()
    for table in ("generations", "tests", "checkpoints", "results", "fingerprints"):
        query = f"SELECT count(*) FROM {table} WHERE experiment_id = ?"  # noqa: S608
        row = await master.database.read(
            lambda connection, query=query: connection.execute(query, (experiment_id,)).fetchone()  # type: ignore[misc]
        )
        assert row[0] == 0, table


def test_a_stop_while_a_completed_experiment_is_being_stored_leaves_it_completed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storing, go_on = asyncio.Event(), asyncio.Event()
    settle = ExperimentRepository.settle

    async def held(self: ExperimentRepository, experiment_id: str, status: Status, *rest: object) -> None:
        if status is Status.COMPLETED:
            storing.set()
            await go_on.wait()
        await settle(self, experiment_id, status, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(ExperimentRepository, "settle", held)

    async def story(master: Master) -> None:
        experiment_id = (await master.service.create(cartpole())).id
        async with asyncio.timeout(PATIENCE):
            await storing.wait()
        stops = [asyncio.create_task(master.service.stop(experiment_id)) for _ in range(2)]
        await asyncio.sleep(0.05)
        go_on.set()
        outcomes = await asyncio.gather(*stops, return_exceptions=True)
        assert [type(one) for one in outcomes] == [Conflict] * 2
        ended = await master.service.get(experiment_id)
        assert (ended.status, ended.reason) == (Status.COMPLETED, "all 6 generations done")

    running(tmp_path, story)


@pytest.mark.parametrize("seed", range(6))
def test_whatever_is_asked_of_it_in_whatever_order_an_experiment_learns_the_same(
    seed: int, tmp_path: Path, undisturbed: list[str]
) -> None:
    draw = random.Random(seed)
    experiments: list[str] = []

    async def pester(master: Master, experiment_id: str, requests: int) -> None:
        for _ in range(requests):
            request = draw.choice((master.service.stop, master.service.pause, master.service.resume))
            try:
                shown = await request(experiment_id)
                assert isinstance(shown, Experiment)
            except (Conflict, StorageFailed):
                pass
            assert runners(experiment_id) <= 1
            await asyncio.sleep(draw.choice((0.0, 0.0, 0.005, 0.03)))

    async def disturb(master: Master) -> None:
        await master.service.lives.resume_all()
        if not experiments:
            experiments.append((await master.service.create(SPEC)).id)
        first, second = sorted(draw.sample(range(1, 12), 2))
        place = draw.choice(("end.before_commit", "artifact.before_write", "generation.before_commit"))
        failpoints.arm(f"{place}=error@{first}-{second}")
        await asyncio.gather(*(pester(master, experiments[0], 6) for _ in range(3)))

    async def finish(master: Master) -> None:
        failpoints.arm("")
        await master.service.lives.resume_all()
        shown = await master.service.get(experiments[0])
        if not shown.active and shown.status is not Status.COMPLETED:
            await master.service.resume(experiments[0])
        await master.until(experiments[0], lambda one: one.status is Status.COMPLETED)
        assert await digests(master, experiments[0]) == undisturbed
        await master.until_files_are_exact(experiments[0])
        await master.assert_files_agree(experiments[0])

    for story in (disturb, disturb, finish):
        running(tmp_path, story)
