"""An experiment whose environment no worker can describe now waits, says why, and does not pester the workers."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from seedcast.services.master.experiments.service import ExperimentService
from seedcast.services.master.experiments.status import Status
from seedcast.services.master.fleet.discovery import parse_workers
from seedcast.services.master.fleet.fleet import Fleet
from tests.master.dispatch.stub_worker import StubWorker
from tests.master.experiments.test_recovery import LONG, Master, running


def test_a_ready_worker_that_cannot_describe_is_asked_again_no_sooner_than_it_said(tmp_path: Path) -> None:
    async def story(master: Master) -> None:
        async with StubWorker() as stub:
            fleet = Fleet(parse_workers(stub.url))
            probing = asyncio.create_task(fleet.run())
            await fleet.wait_until_ready()
            master.service = ExperimentService(master.data, replace(master.collaborators, fleet=fleet))
            experiment = await master.service.create(LONG)
            waiting = await master.until(experiment.id, lambda one: "no slot" in one.reason)
            assert waiting.status is Status.WAITING
            asked = stub.units["described"]
            await asyncio.sleep(0.8)  # it asks for a second, each time
            assert stub.units["described"] <= asked + 1
            probing.cancel()

    running(tmp_path, story)
