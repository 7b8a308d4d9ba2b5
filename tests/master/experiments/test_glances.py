"""What a list shows of histories is looked up again where there is something new, and only there."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from seedcast.services.master.experiments import glances
from seedcast.services.master.experiments.glances import Glances
from seedcast.services.master.experiments.repository import ExperimentRepository
from seedcast.services.master.experiments.rows import ExperimentRow
from seedcast.services.master.storage.database import Database
from seedcast.services.master.storage.history import History
from tests.master.records import evaluated, generation
from tests.specs import cartpole


def test_a_new_generation_and_a_new_test_show_and_nothing_else_is_looked_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    look = glances._look

    def counted(*arguments: object) -> object:
        looked.append("once")
        return look(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(glances, "_look", counted)

    async def run() -> None:
        database = Database(tmp_path / "seedcast.db")
        repository, history = ExperimentRepository(database), History(database)
        seen = Glances(history)

        async def row() -> ExperimentRow:
            [one] = await seen.add_to(await repository.rows())
            return one

        await repository.add("one", cartpole(), None)
        assert (await row()).curve == []
        await history.commit_generation("one", generation(1), None)
        await history.commit_generation("one", generation(2), None)
        assert len((await row()).curve) == 2
        tested = evaluated(2).model_copy(update={"core_seconds": 0.25})
        await history.commit_test("one", tested)
        assert (await row()).last_test_return == tested.returns.mean
        before = len(looked)
        assert [(await row()).curve, len(looked)] == [(await row()).curve, before]
        database.close()

    asyncio.run(run())
