"""What the environments of a fleet are whose workers have different ones."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from seedcast.services.master.catalogue.environments import Environments
from seedcast.services.master.fleet.fleet import Fleet
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
    fleet = cast(Fleet, SimpleNamespace(ready=list(workers)))
    return [(one.id, one.refusal) for one in asyncio.run(Environments(fleet).find("myosuite"))]


def test_what_is_refused_stands_last_with_its_reason() -> None:
    one = worker(row("a", "it begins alike"), row("b"), row("c"))
    assert found(one) == [("b", None), ("c", None), ("a", "it begins alike")]


def test_what_one_worker_refuses_and_another_has_is_offered() -> None:
    older, newer = worker(row("a", "it is too old"), row("b")), worker(row("a"), row("b"), row("c"))
    assert found(older, newer) == found(newer, older) == [("a", None), ("b", None), ("c", None)]
