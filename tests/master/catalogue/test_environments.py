"""What the environments of a fleet are whose workers have different ones."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from seedcast.services.master.catalogue.environments import MOST_KINDS, Environments
from seedcast.services.master.catalogue.schemas import EnvironmentList
from seedcast.services.master.fleet.fleet import Fleet
from seedcast.shared.errors import Busy
from seedcast.shared.protocol import EnvironmentCatalogue, OfferedEnvironment


def row(id_: str, refusal: str | None = None) -> OfferedEnvironment:
    return OfferedEnvironment(id=id_, family="MyoSuite", engine="envpool", refusal=refusal)


def worker(*rows: OfferedEnvironment) -> Any:
    """Return a worker with these, of which it has those that it does not refuse."""

    async def environments() -> EnvironmentCatalogue:
        return EnvironmentCatalogue(environments=list(rows))

    info = SimpleNamespace(version="1", environments=[one.id for one in rows if one.refusal is None])
    return SimpleNamespace(url="http://w", info=info, client=SimpleNamespace(environments=environments))


def found(*workers: Any) -> list[tuple[str, str | None]]:
    rows, complete = asyncio.run(Environments(fleet_of(*workers)).find("myosuite", wait_seconds=60))
    assert complete
    return [(one.id, one.refusal) for one in rows]


def fleet_of(*workers: Any) -> Fleet:
    return cast(Fleet, SimpleNamespace(ready=list(workers)))


def test_what_is_refused_stands_last_with_its_reason() -> None:
    one = worker(row("a", "it begins alike"), row("b"), row("c"))
    assert found(one) == [("b", None), ("c", None), ("a", "it begins alike")]


def test_what_one_worker_refuses_and_another_has_is_offered() -> None:
    older, newer = worker(row("a", "it is too old"), row("b")), worker(row("a"), row("b"), row("c"))
    assert found(older, newer) == found(newer, older) == [("a", None), ("b", None), ("c", None)]


def test_who_does_not_wait_is_told_the_ids_and_that_there_is_more_to_say() -> None:
    async def run() -> None:
        slots_are_free, asked = asyncio.Event(), 0

        async def answer() -> EnvironmentCatalogue:
            nonlocal asked
            asked += 1
            await slots_are_free.wait()
            return EnvironmentCatalogue(environments=[row("a"), row("b")])

        busy = worker(row("a"), row("b"))
        busy.client.environments = answer
        environments = Environments(fleet_of(busy))
        for _ in range(3):
            rows, complete = await environments.find("")
            assert ([one.id for one in rows], {one.family for one in rows}, complete) == (
                ["a", "b"],
                {"unknown"},
                False,
            )
        assert not EnvironmentList.model_validate_json(await environments.page("", 10)).complete
        assert asked == 1  # one question, whoever asks meanwhile
        waiting = asyncio.create_task(environments.find("myosuite", wait_seconds=60))
        slots_are_free.set()
        rows, complete = await waiting
        assert ([one.id for one in rows], complete) == (["a", "b"], True)
        page = await environments.page("", 1)
        assert EnvironmentList.model_validate_json(page) == EnvironmentList(environments=[row("a")], total=2)
        assert await environments.page("", 1) is page  # nothing is written down again
        assert asked == 1

    asyncio.run(run())


def test_a_worker_that_could_not_tell_is_asked_again() -> None:
    async def run() -> None:
        told: list[Busy | EnvironmentCatalogue] = [
            Busy("all slots are taken", 1),
            EnvironmentCatalogue(environments=[row("a")]),
        ]

        async def answer() -> EnvironmentCatalogue:
            found = told.pop(0)
            if isinstance(found, Busy):
                raise found
            return found

        busy = worker(row("a"))
        busy.client.environments = answer
        environments = Environments(fleet_of(busy))
        assert [(await environments.find("", wait_seconds=60))[1] for _ in range(2)] == [False, True]

    asyncio.run(run())


def test_all_is_told_of_however_many_kinds_of_workers_there_are_and_those_that_left_are_forgotten() -> None:
    async def run() -> None:
        several = [worker(row(f"e{number:02}")) for number in range(MOST_KINDS + 3)]
        fleet = fleet_of(*several)
        environments = Environments(fleet)
        rows, complete = await environments.find("myosuite", wait_seconds=60)
        assert (len(rows), complete) == (MOST_KINDS + 3, True)
        fleet.ready[:] = [worker(row("new"))]
        assert (await environments.find("", wait_seconds=60))[1]
        assert len(environments._told) == MOST_KINDS

    asyncio.run(run())
