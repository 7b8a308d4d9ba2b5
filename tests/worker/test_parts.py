"""A unit split over several slots comes to what one slot makes of it."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import numpy as np
import pytest

from services.worker.engine import run_unit
from shared.protocol import FRAME_MEDIA_TYPE, SLOTS_HEADER, Unit, UnitJson, UnitResult
from shared.spec.environment import EnvironmentSpec
from tests.processes import Server, worker
from tests.units import faulty, numbers, unit


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with worker(tmp_path_factory.mktemp("wide"), slots=3) as running:
        yield running


def post(server: Server, work: Unit, slots: str) -> httpx.Response:
    headers = {"Content-Type": FRAME_MEDIA_TYPE, SLOTS_HEADER: slots}
    return server.http.post("/rollouts", content=work.to_frame(), headers=headers)


def result(reply: httpx.Response, work: Unit) -> UnitResult:
    assert reply.status_code == 200, reply.text
    return UnitResult.from_frame(reply.content, len(work))


def test_three_slots_give_the_bits_of_one(wide: Server) -> None:
    work = unit(EnvironmentSpec(id="BipedalWalker-v3"), range(1, 9), collect_statistics=True)
    split, here = result(post(wide, work, "3"), work), run_unit(work)
    assert numbers(split) == numbers(here)
    np.testing.assert_array_equal(split.observation_sums, here.observation_sums)
    np.testing.assert_array_equal(split.observation_squares, here.observation_squares)


def test_slots_share_the_work_of_a_unit(wide: Server) -> None:
    work = UnitJson.model_validate(faulty("slow", rollouts=3)).unit()
    reply = post(wide, work, "3")
    assert result(reply, work).busy_seconds > 2 * reply.elapsed.total_seconds()


def test_a_slot_that_dies_costs_its_own_part(wide: Server) -> None:
    work = UnitJson.model_validate(faulty("segfault", rollouts=6, every=6)).unit()  # the one with seed 0
    split = result(post(wide, work, "3"), work)
    assert [(failure.kind, failure.rollouts) for failure in split.failures] == [("crash", [0, 1])]
    assert split.returns[2:].tolist() == [10.0] * 4


@pytest.mark.parametrize("slots", ["0", "4", "-1", "x", "1e1", "999999999999"])
def test_slots_that_there_are_not_are_refused(wide: Server, slots: str) -> None:
    reply = post(wide, unit(EnvironmentSpec(id="CartPole-v1"), [1, 2, 3, 4]), slots)
    assert reply.status_code == 422
    (error,) = reply.json()["errors"]
    assert error["field"] == SLOTS_HEADER
    assert error["reason"] == "must be a whole number from 1 to 3, the slots of this worker"


def test_more_slots_than_rollouts_are_refused(wide: Server) -> None:
    reply = post(wide, unit(EnvironmentSpec(id="CartPole-v1"), [1]), "2")
    assert reply.status_code == 422
    assert "1 rollouts make no part" in reply.json()["errors"][0]["reason"]
