"""An experiment whose environment no worker can describe now waits, says why, and does not pester the workers."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import pytest

from seedcast.services.master.experiments import service
from seedcast.services.master.experiments.service import ExperimentService
from seedcast.services.master.experiments.status import Status
from seedcast.services.master.fleet.discovery import parse_workers
from seedcast.services.master.fleet.fleet import Fleet
from seedcast.services.master.fleet.worker import Worker
from seedcast.services.master.fleet.worker_client import WorkerClient
from seedcast.services.master.fleet.worker_state import WorkerState
from seedcast.shared.spec.environment import EnvironmentDescription, EnvironmentSpec
from tests.master.dispatch.stub_worker import StubWorker
from tests.master.experiments.test_recovery import LONG, Master, running
from tests.master.fleet.test_fleet import INFO

URL = "http://127.0.0.1:9"


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
            asked, since = stub.units["described"], time.monotonic()
            await asyncio.sleep(0.8)
            passed = time.monotonic() - since  # it asks for a second, each time
            assert stub.units["described"] <= asked + 1 + int(passed)
            probing.cancel()

    running(tmp_path, story)


def test_an_estimate_does_not_wait_for_busy_workers_and_leaves_open_what_they_alone_can_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "ESTIMATE_SECONDS", 0.05)
    never = asyncio.Event()

    async def busy(_: EnvironmentSpec) -> EnvironmentDescription:
        await never.wait()
        raise AssertionError

    async def story(master: Master) -> None:
        fleet = Fleet(parse_workers(URL))
        fleet.workers[URL] = Worker(URL, WorkerClient(URL), WorkerState.READY, INFO)
        fleet.workers[URL].client.describe = busy  # type: ignore[assignment]
        master.service = ExperimentService(master.data, replace(master.collaborators, fleet=fleet))
        estimate = await master.service.estimate(LONG)
        assert estimate.parameters is None
        assert estimate.rollouts_per_generation == LONG.largest_generation

    running(tmp_path, story)
