"""What environments the workers have, with families and sizes: asked of a worker once and remembered.

A worker takes seconds over its list, and longer where its slots are busy: it is asked beside the requests, and who
does not want to wait is told what is known by now.
"""

from __future__ import annotations

import asyncio
import logging

from seedcast.services.master.catalogue.schemas import EnvironmentList
from seedcast.services.master.fleet.fleet import Fleet
from seedcast.services.master.fleet.worker import Worker
from seedcast.shared.errors import SeedcastError
from seedcast.shared.protocol import EnvironmentCatalogue, OfferedEnvironment

MOST_KINDS = 8
"""Of workers with different environments, whose answers are remembered; those of workers that are there always."""
MOST_PAGES = 32
"""Answers that are kept as they were sent."""
UNKNOWN = "unknown"

log = logging.getLogger(__name__)
Kind = tuple[str, tuple[str, ...]]


class Environments:
    """The environments of the fleet."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._told: dict[Kind, list[OfferedEnvironment]] = {}
        self._asking: dict[Kind, asyncio.Task[None]] = {}
        """Under way: one question, however many wait for its answer."""
        self._pages: dict[tuple[frozenset[Kind], str, int], bytes] = {}

    async def page(self, text: str, limit: int, wait_seconds: float = 0.0) -> bytes:
        """Return the first of those that match, an `EnvironmentList` as JSON."""
        kinds = self._kinds()
        key = (frozenset(kinds), text, limit)
        if (page := self._pages.get(key)) is not None and not kinds.keys() - self._told.keys():
            return page
        found, complete = await self.find(text, wait_seconds)
        listed = EnvironmentList(environments=found[:limit], total=len(found), complete=complete)
        encoded = listed.model_dump_json().encode()
        if complete:
            while len(self._pages) >= MOST_PAGES:
                del self._pages[next(iter(self._pages))]
            self._pages[key] = encoded
        return encoded

    async def find(self, text: str, wait_seconds: float = 0.0) -> tuple[list[OfferedEnvironment], bool]:
        """Return those that match, by id, those last that are refused; and whether that is all there is to say.

        Only their ids are known as long as a worker that has been asked does not answer; it is waited for so long.
        """
        kinds = self._kinds()
        for kind, worker in kinds.items():
            if kind not in self._told and kind not in self._asking:
                self._asking[kind] = task = asyncio.create_task(self._ask(kind, worker))
                task.add_done_callback(lambda _, kind=kind: self._asking.pop(kind))  # type: ignore[misc]
        if waited := [self._asking[kind] for kind in kinds if kind in self._asking]:
            await asyncio.wait(waited, timeout=wait_seconds)
        rows: dict[str, OfferedEnvironment] = {}
        for kind in kinds:
            for row in self._told.get(kind) or _ids_only(kind):
                if row.id not in rows or rows[row.id].refusal:  # one worker may have what another refuses
                    rows[row.id] = row
        found = (row for row in rows.values() if row.matches(text))
        ordered = sorted(found, key=lambda row: (row.refusal is not None, row.id))
        return ordered, not kinds.keys() - self._told.keys()

    async def close(self) -> None:
        """Ask no more."""
        asking = list(self._asking.values())
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

    def _kinds(self) -> dict[Kind, Worker]:
        """Return a worker of each kind that is ready."""
        kinds: dict[Kind, Worker] = {}
        for worker in self._fleet.ready:
            if worker.info is not None and worker.info.environments:
                kinds.setdefault((worker.info.version, tuple(worker.info.environments)), worker)
        return kinds

    async def _ask(self, kind: Kind, worker: Worker) -> None:
        try:
            catalogue: EnvironmentCatalogue = await worker.client.environments()
        except SeedcastError as error:
            log.info("%s does not list its environments now: %s", worker.url, error)
            return
        self._told[kind] = catalogue.environments
        gone = [one for one in self._told if one not in self._kinds()]
        for one in gone[: max(0, len(self._told) - MOST_KINDS)]:
            del self._told[one]


def _ids_only(kind: Kind) -> list[OfferedEnvironment]:
    return [OfferedEnvironment(id=id_, family=UNKNOWN, engine=UNKNOWN) for id_ in kind[1]]
