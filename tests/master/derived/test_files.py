"""The files that follow from the database, written by their own process."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path
from subprocess import PIPE

import pytest
import yaml

from seedcast.services.master.derived import lane as lane_module
from seedcast.services.master.derived.files import OF_A_GENERATION, PLOTS, TEXTS, TextFiles
from seedcast.services.master.derived.process import WriterProcess
from seedcast.services.master.derived.refresher import Refresher
from seedcast.services.master.experiments.repository import ExperimentRepository
from seedcast.services.master.experiments.status import Status
from seedcast.services.master.storage.database import Database
from seedcast.services.master.storage.history import History
from seedcast.shared.errors import StorageFailed
from tests.master.records import evaluated, generation
from tests.processes import PATIENCE
from tests.specs import cartpole


class Experiment:
    """One in a database, with a folder."""

    def __init__(self, root: Path) -> None:
        self.path = root / "database" / "seedcast.db"
        self.database = Database(self.path)
        self.repository, self.history = ExperimentRepository(self.database), History(self.database)
        self.folder = root / "e"
        self.folder.mkdir()
        self.generations = 0

    async def learn(self, generations: int) -> None:
        for _ in range(generations):
            self.generations += 1
            await self.history.commit_generation("e", generation(self.generations), None)

    def log(self) -> list[str]:
        return [line.split()[1] for line in (self.folder / "log.txt").read_text().splitlines()]

    def write(self, texts: TextFiles, *, exact: bool = False) -> None:
        connection = sqlite3.connect(self.path)
        connection.row_factory = sqlite3.Row
        texts.write(connection, "e", self.folder, exact=exact)
        connection.close()


def with_experiment(root: Path, story: Callable[[Experiment], Awaitable[None]]) -> None:
    async def run() -> None:
        experiment = Experiment(root)
        await experiment.repository.add("e", cartpole(), None)
        try:
            await story(experiment)
        finally:
            experiment.database.close()

    asyncio.run(run())


def numbers(last: int) -> list[str]:
    return [str(number) for number in range(1, last + 1)]


def test_a_growing_log_is_appended_to_and_one_that_somebody_changed_is_written_anew(tmp_path: Path) -> None:
    async def story(experiment: Experiment) -> None:
        texts, log = TextFiles(), experiment.folder / "log.txt"
        await experiment.learn(3)
        experiment.write(texts)
        assert experiment.log() == numbers(3)
        inode = log.stat().st_ino
        await experiment.learn(1500)
        experiment.write(texts)
        assert experiment.log() == numbers(1503)
        assert log.stat().st_ino == inode  # appended to
        with log.open("a") as file:
            file.write("generation 15")
        experiment.write(texts)
        assert experiment.log() == numbers(1503)
        log.unlink()
        experiment.write(texts)
        assert experiment.log() == numbers(1503)

    with_experiment(tmp_path, story)


def test_at_the_end_a_log_is_exact_even_if_somebody_changed_it_in_place(tmp_path: Path) -> None:
    async def story(experiment: Experiment) -> None:
        texts, log = TextFiles(), experiment.folder / "log.txt"
        await experiment.learn(3)
        experiment.write(texts)
        right = log.read_bytes()
        log.write_bytes(right.replace(b"generation 2", b"generation 7"))
        experiment.write(texts)
        assert log.read_bytes() != right
        experiment.write(texts, exact=True)
        assert log.read_bytes() == right

    with_experiment(tmp_path, story)


def test_scores_are_those_of_the_tests_and_the_configuration_can_be_submitted_again(tmp_path: Path) -> None:
    async def story(experiment: Experiment) -> None:
        await experiment.learn(4)
        for number in (2, 4):
            await experiment.history.commit_test("e", evaluated(number))
        experiment.write(TextFiles())
        rows = list(csv.DictReader((experiment.folder / "scores.csv").read_text().splitlines()))
        assert [(row["Time"], row["Iteration"], row["Reward"]) for row in rows] == [
            ("4.000", "2", "7.000000"),
            ("8.000", "4", "9.000000"),
        ]
        config = yaml.safe_load((experiment.folder / "config.yaml").read_text())
        assert cartpole() == cartpole(**config)

    with_experiment(tmp_path, story)


def test_a_configuration_is_written_when_it_has_changed_is_gone_or_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dumped = []
    dump = yaml.safe_dump
    monkeypatch.setattr(yaml, "safe_dump", lambda *a, **b: dumped.append(1) or dump(*a, **b))  # type: ignore[func-returns-value]

    async def story(experiment: Experiment) -> None:
        texts, config = TextFiles(), experiment.folder / "config.yaml"
        for _ in range(3):
            await experiment.learn(1)
            experiment.write(texts)
        assert len(dumped) == 1
        config.unlink()
        experiment.write(texts)
        await experiment.repository.change("e", cartpole(name="other"), None)
        experiment.write(texts)
        assert yaml.safe_load(config.read_text())["name"] == "other"
        config.write_text("name: somebody's\n")
        experiment.write(texts, exact=True)
        assert yaml.safe_load(config.read_text())["name"] == "other"

    with_experiment(tmp_path, story)


def test_the_process_draws_plots_and_is_replaced_when_it_dies(tmp_path: Path) -> None:
    async def story(experiment: Experiment) -> None:
        writer = WriterProcess(experiment.path, 3)
        await experiment.learn(2)
        await writer.write("e", experiment.folder, PLOTS, exact=False)
        first = writer._process
        assert first is not None
        assert os.getpriority(os.PRIO_PROCESS, first.pid) == min(19, os.getpriority(os.PRIO_PROCESS, 0) + 3)
        for name in PLOTS:
            assert (experiment.folder / name).read_bytes().startswith(b"\x89PNG")
        first.send_signal(signal.SIGKILL)
        await first.wait()
        await writer.write("e", experiment.folder, TEXTS, exact=False)
        assert experiment.log() == numbers(2)
        with pytest.raises(StorageFailed, match="No such file"):
            await writer.write("e", tmp_path / "nowhere", TEXTS, exact=False)
        second = writer._process
        assert second is None  # whatever it suffered from, the next one is new
        await writer.close()

    with_experiment(tmp_path, story)


def test_a_writer_whose_master_has_died_ends_without_a_word(tmp_path: Path) -> None:
    async def story(experiment: Experiment) -> None:
        await experiment.learn(2)
        assert await asyncio.to_thread(write_for_nobody, experiment) == (0, b"")
        assert experiment.log() == numbers(2)

    with_experiment(tmp_path, story)


def write_for_nobody(experiment: Experiment) -> tuple[int, bytes]:
    """Have texts written by a process whose answer nobody reads; return its code and what it said of that."""
    request = {"experiment": "e", "folder": str(experiment.folder), "files": sorted(TEXTS), "exact": True}
    command = [sys.executable, "-m", "seedcast.services.master.derived", str(experiment.path), "0"]
    with subprocess.Popen(command, stdin=PIPE, stdout=PIPE, stderr=PIPE) as writer:
        assert writer.stdout is not None
        writer.stdout.close()
        _, said = writer.communicate(json.dumps(request).encode() + b"\n", PATIENCE)
    return writer.returncode, said


def test_many_commits_are_one_round_and_the_end_is_noted_once_the_files_are_exact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds: list[tuple[frozenset[str], bool]] = []
    write = WriterProcess.write

    async def noted(self: WriterProcess, one: str, folder: Path, names: Collection[str], *, exact: bool) -> None:
        rounds.append((frozenset(names), exact))
        await write(self, one, folder, names, exact=exact)

    monkeypatch.setattr(WriterProcess, "write", noted)

    async def story(experiment: Experiment) -> None:
        refresher = Refresher(experiment.path, lambda _: experiment.folder, experiment.repository.note_files_exact)
        for _ in range(50):
            await experiment.learn(1)
            refresher.changed("e")
        task = asyncio.create_task(refresher.run())
        await refresher.fresh("e", "log.txt")
        assert experiment.log() == numbers(50)
        assert len(rounds) <= 2
        await experiment.learn(1)
        await experiment.repository.settle("e", Status.COMPLETED, "done")
        assert await experiment.repository.with_files_behind() == ["e"]
        refresher.ended("e")
        async with asyncio.timeout(PATIENCE):
            while await experiment.repository.with_files_behind():  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert experiment.log() == numbers(51)
        assert {(TEXTS, True), (PLOTS, True)} <= set(rounds)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with_experiment(tmp_path, story)


def test_whoever_asks_for_the_log_again_and_again_has_no_plot_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds: list[Collection[str]] = []

    async def noted(_: WriterProcess, __: str, ___: Path, names: Collection[str], *, exact: bool) -> None:
        assert not exact
        rounds.append(names)

    monkeypatch.setattr(WriterProcess, "write", noted)
    monkeypatch.setattr(lane_module, "FRESH_SECONDS", 0.0)

    async def story(experiment: Experiment) -> None:
        refresher = Refresher(experiment.path, lambda _: experiment.folder, experiment.repository.note_files_exact)
        task = asyncio.create_task(refresher.run())
        for _ in range(5):
            refresher.changed("e", OF_A_GENERATION)
            await refresher.fresh("e", "log.txt")
        assert rounds == [{"log.txt"}] * 5
        await refresher.fresh("e", "reward_vs_time.png")
        assert rounds[5:] == [PLOTS]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with_experiment(tmp_path, story)
