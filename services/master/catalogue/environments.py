"""What environments the workers have, with families and sizes: asked of a worker once and remembered."""

from __future__ import annotations

import asyncio
import logging

from seedcast.services.master.fleet.fleet import Fleet
from seedcast.services.master.fleet.worker import Worker
from seedcast.shared.errors import SeedcastError
from seedcast.shared.protocol import EnvironmentCatalogue, OfferedEnvironment

MOST_KINDS = 8
"""Of workers with different environments, whose answers are remembered."""
UNKNOWN = "unknown"

log = logging.getLogger(__name__)
Kind = tuple[str, tuple[str, ...]]


class Environments:
    """The environments of the fleet."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._told: dict[Kind, list[OfferedEnvironment]] = {}
        self._asking = asyncio.Lock()

    async def find(self, text: str) -> list[OfferedEnvironment]:
        """Return those that match, by id, those last that are refused.

        Only their ids are known where no worker has the time to tell more.
        """
        kinds: dict[Kind, Worker] = {}
        for worker in self._fleet.ready:
            if worker.info is not None and worker.info.environments:
                kinds.setdefault((worker.info.version, tuple(worker.info.environments)), worker)
        rows: dict[str, OfferedEnvironment] = {}
        for kind, worker in kinds.items():
            for row in await self._rows(kind, worker):
                if row.id not in rows or rows[row.id].refusal:  # one worker may have what another refuses
                    rows[row.id] = row
        found = (row for row in rows.values() if row.matches(text))
        return sorted(found, key=lambda row: (row.refusal is not None, row.id))

    async def _rows(self, kind: Kind, worker: Worker) -> list[OfferedEnvironment]:
        async with self._asking:  # one question, however many wait for its answer
            if (told := self._told.get(kind)) is not None:
                return told
            try:
                catalogue: EnvironmentCatalogue = await worker.client.environments()
            except SeedcastError as error:
                log.info("%s does not list its environments now: %s", worker.url, error)
                return [OfferedEnvironment(id=id_, family=UNKNOWN, engine=UNKNOWN) for id_ in kind[1]]
            while len(self._told) >= MOST_KINDS:
                del self._told[next(iter(self._told))]
            self._told[kind] = catalogue.environments
            return catalogue.environments
