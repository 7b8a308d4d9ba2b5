"""An experiment whose disk is full waits, says so, and goes on as if nothing had happened."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from seedcast.services.master import failpoints
from seedcast.services.master.experiments import disk_retry, lifecycle
from seedcast.services.master.experiments.rows import Wanted
from seedcast.services.master.experiments.schemas import Experiment
from seedcast.services.master.experiments.status import Status
from seedcast.shared.errors import Conflict, StorageFailed
from tests.master.experiments.test_recovery import LONG, Master, running
from tests.processes import PATIENCE
from tests.specs import cartpole

SPEC = cartpole(test={"every": 10, "episodes": 4}, stop={"generations": 24})
WRITES = [
    "artifact.before_write",
    "artifact.half_written",
    "artifact.before_fsync",
    "checkpoint.before_write",
    "checkpoint.half_written",
    "checkpoint.before_rename",
    "checkpoint.after_directory_fsync",
    "generation.before_commit",
    "removal.between_files",
    "test.before_commit",
]


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(disk_retry, "FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(lifecycle, "FIRST_PAUSE_SECONDS", 0.01)
    yield
    failpoints.arm("")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What the specification leads to, generation by generation."""
    found: list[str] = []

    async def story(master: Master) -> None:
        experiment_id = (await master.service.create(SPEC)).id
        await master.until(experiment_id, lambda one: one.status is Status.COMPLETED)
        found.extend(await digests(master, experiment_id))

    running(tmp_path_factory.mktemp("undisturbed"), story)
    return found


async def digests(master: Master, experiment_id: str) -> list[str]:
    rows = await master.service.history.generations(experiment_id)
    assert [row.generation for row in rows] == list(range(1, 25))
    return [row.parameters_sha256 for row in rows]


async def listed_as_blocked(master: Master) -> None:
    """Wait for it: between two tries, and once there is no second file to remove, an experiment runs again."""
    async with asyncio.timeout(PATIENCE):
        while [row.status for row in (await master.service.rows(Wanted())).experiments] != [Status.BLOCKED]:  # noqa: ASYNC110
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("place", WRITES)
def test_what_the_disk_does_not_take_is_written_once_it_does(
    place: str, tmp_path: Path, undisturbed: list[str]
) -> None:
    async def story(master: Master) -> None:
        experiment_id = (await master.service.create(SPEC)).id
        await master.until(experiment_id, lambda one: one.generation >= 3)
        failpoints.arm(f"{place}=error")
        blocked = await master.until(experiment_id, lambda one: one.status is Status.BLOCKED)
        assert blocked.reason.startswith("storage: ")
        assert "No space left on device" in blocked.reason
        assert blocked.generation < 24
        await listed_as_blocked(master)
        await asyncio.sleep(0.05)
        failpoints.arm("")
        ended = await master.until(experiment_id, lambda one: not one.status.active)
        assert (ended.status, ended.generation) == (Status.COMPLETED, 24)
        assert await digests(master, experiment_id) == undisturbed
        await master.assert_files_agree(experiment_id, plots=place == "artifact.before_write")

    running(tmp_path, story)


def test_a_submission_that_the_disk_does_not_take_leaves_no_experiment(tmp_path: Path) -> None:
    async def story(master: Master) -> None:
        failpoints.arm("submission.before_commit=error@1")
        with pytest.raises(StorageFailed, match=r"seedcast\.db: No space left on device"):
            await master.service.create(SPEC)
        assert (await master.service.rows(Wanted())).experiments == []
        await master.until((await master.service.create(SPEC)).id, lambda one: one.status is Status.COMPLETED)

    running(tmp_path, story)


def test_a_stop_that_the_disk_does_not_take_stops_nothing(tmp_path: Path) -> None:
    async def story(master: Master) -> None:
        experiment_id = (await master.service.create(SPEC)).id
        await master.until(experiment_id, lambda one: one.generation >= 2)
        failpoints.arm("end.before_commit=error")
        for request in (master.service.stop, master.service.pause):
            with pytest.raises(StorageFailed):
                await request(experiment_id)
            assert (await master.service.get(experiment_id)).status.active
        with pytest.raises(StorageFailed):
            await master.service.delete(experiment_id, force=True)
        blocked = await master.until(experiment_id, lambda one: one.status is Status.BLOCKED)
        assert blocked.generation == 24  # it ran on to its end, which cannot be stored either
        failpoints.arm("")
        await master.until(experiment_id, lambda one: one.status is Status.COMPLETED)

    running(tmp_path, story)


def test_two_stops_at_once_on_a_full_disk_leave_one_runner_and_one_end(tmp_path: Path) -> None:
    async def story(master: Master) -> None:
        experiment_id = (await master.service.create(LONG)).id
        await master.until(experiment_id, lambda one: one.generation >= 2)
        failpoints.arm("end.before_commit=error@1-3, artifact.before_write=error@3-5")
        outcomes = await asyncio.gather(
            *(master.service.stop(experiment_id) for _ in range(3)), return_exceptions=True
        )
        assert [type(one) for one in outcomes] == [StorageFailed] * 3
        assert [task.get_name() for task in asyncio.all_tasks()].count(experiment_id) == 1
        before = (await master.service.get(experiment_id)).generation
        await master.until(experiment_id, lambda one: one.generation > before + 3)
        outcomes = await asyncio.gather(
            *(master.service.stop(experiment_id) for _ in range(3)), return_exceptions=True
        )
        assert sum(isinstance(one, Experiment) for one in outcomes) == 1
        assert sum(isinstance(one, Conflict) for one in outcomes) == 2
        ended = await master.service.get(experiment_id)
        assert (ended.status, ended.reason) == (Status.STOPPED, "stopped on request")
        rows = await master.service.history.generations(experiment_id)
        assert [row.generation for row in rows] == list(range(1, ended.generation + 1))

    running(tmp_path, story)


def test_an_experiment_without_an_intact_checkpoint_waits_for_one_and_names_the_files(tmp_path: Path) -> None:
    kept: dict[Path, bytes] = {}
    begun: list[str] = []

    async def begin(master: Master) -> None:
        begun.append((await master.service.create(LONG)).id)
        await master.until(begun[0], lambda one: one.generation >= 5)

    async def resume(master: Master) -> None:
        committed = (await master.service.get(begun[0])).generation
        await master.service.lives.resume_all()
        blocked = await master.until(begun[0], lambda one: one.status is Status.BLOCKED)
        assert blocked.reason.startswith("storage: none of the 3 checkpoints is intact")
        assert sum(path.name in blocked.reason for path in kept) == 3  # a stop may have left one more behind
        assert blocked.generation == committed
        for path, content in kept.items():
            path.write_bytes(content)
        await master.until(begun[0], lambda one: one.generation > committed)
        rows = await master.service.history.generations(begun[0])
        assert [row.generation for row in rows] == list(range(1, len(rows) + 1))

    running(tmp_path, begin)
    for path in (tmp_path / "experiments" / begun[0] / "checkpoints").iterdir():
        kept[path] = path.read_bytes()
        path.write_bytes(kept[path][:-1] + bytes([kept[path][-1] ^ 1]))
    running(tmp_path, resume)
