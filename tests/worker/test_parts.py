"""A unit split over several slots comes to what one slot makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest

from seedcast.services.worker.engine import run_unit
from seedcast.shared.protocol import FRAME_MEDIA_TYPE, SLOTS_HEADER, Unit, UnitJson, UnitResult
from seedcast.shared.spec.environment import EnvironmentSpec
from tests.processes import PATIENCE, Server, eventually, worker
from tests.units import faulty, numbers, unit


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with worker(tmp_path_factory.mktemp("wide"), slots=3) as running:
        yield running


def post(server: Server, work: Unit, slots: str, timeout: float = PATIENCE) -> httpx.Response:
    headers = {"Content-Type": FRAME_MEDIA_TYPE, SLOTS_HEADER: slots}
    return server.http.post("/rollouts", content=work.to_frame(), headers=headers, timeout=timeout)


def result(reply: httpx.Response, work: Unit) -> UnitResult:
    assert reply.status_code == 200, reply.text
    return UnitResult.from_frame(reply.content, len(work))


def test_three_slots_give_the_bits_of_one(wide: Server) -> None:
    work = unit(EnvironmentSpec(id="BipedalWalker-v3"), range(1, 9), collect_statistics=True)
    split, here = result(post(wide, work, "3"), work), run_unit(work)
    assert numbers(split) == numbers(here)
    np.testing.assert_array_equal(split.observation_sums, here.observation_sums)
    np.testing.assert_array_equal(split.observation_squares, here.observation_squares)


def test_slots_share_the_work_of_a_unit(wide: Server, tmp_path: Path) -> None:
    let_go = tmp_path / "let_go"
    work = held(3, let_go)
    with ThreadPoolExecutor() as threads:
        running = threads.submit(post, wide, work, "3")
        eventually(lambda: "seedcast_worker_busy_slots 3.0" in wide.http.get("/metrics").text)
        let_go.touch()
        assert result(running.result(), work).failures == []


def held(rollouts: int, let_go: Path) -> Unit:
    """Build a unit that goes on until a file is there."""
    return UnitJson.model_validate(faulty("held", rollouts, file=let_go, max_episode_steps=1_000_000)).unit()


def test_a_slot_that_dies_costs_its_own_part(wide: Server) -> None:
    work = UnitJson.model_validate(faulty("segfault", rollouts=6, every=6)).unit()  # the one with seed 0
    split = result(post(wide, work, "3"), work)
    assert [(failure.kind, failure.rollouts) for failure in split.failures] == [("crash", [0, 1])]
    assert split.returns[2:].tolist() == [10.0] * 4


def test_more_slots_than_there_are_get_all_of_them(wide: Server) -> None:
    work = unit(EnvironmentSpec(id="CartPole-v1"), [1, 2, 3, 4])
    assert numbers(result(post(wide, work, "1000"), work)) == numbers(run_unit(work))


@pytest.mark.parametrize("slots", ["0", "-1", "x", "1e1", "99999999999999999999"])
def test_a_number_of_slots_that_is_none_is_refused(wide: Server, slots: str) -> None:
    assert_refused(
        post(wide, unit(EnvironmentSpec(id="CartPole-v1"), [1]), slots), "must be a whole number from 1"
    )


def test_more_slots_than_rollouts_are_refused(wide: Server) -> None:
    assert_refused(post(wide, unit(EnvironmentSpec(id="CartPole-v1"), [1]), "2"), "1 rollouts make no part")


def assert_refused(reply: httpx.Response, reason: str) -> None:
    assert reply.status_code == 422
    (error,) = reply.json()["errors"]
    assert error["field"] == SLOTS_HEADER
    assert reason in error["reason"]


def test_a_client_that_goes_away_frees_all_slots_and_is_no_error(wide: Server) -> None:
    work = UnitJson.model_validate(faulty("hang", rollouts=3)).unit()
    with pytest.raises(httpx.ReadTimeout):
        post(wide, work, "3", timeout=1.0)
    calm = UnitJson.model_validate(faulty("none", rollouts=3)).unit()
    eventually(lambda: "seedcast_worker_busy_slots 0.0" in wide.http.get("/metrics").text)
    assert result(post(wide, calm, "3"), calm).failures == []
    assert "never retrieved" not in wide.log.read_text()


def test_a_worker_that_is_told_to_end_finishes_the_units_that_it_has_begun(tmp_path: Path) -> None:
    let_go = tmp_path / "let_go"
    work = held(2, let_go)
    with worker(tmp_path, slots=2) as ending, ThreadPoolExecutor() as threads:
        busy = threads.submit(post, ending, work, "1")
        eventually(lambda: "seedcast_worker_busy_slots 1.0" in ending.http.get("/metrics").text)
        begun = threads.submit(post, ending, work, "2")  # the second part waits
        eventually(lambda: "seedcast_worker_queue 1.0" in ending.http.get("/metrics").text)
        ending.process.terminate()
        let_go.touch()
        assert result(busy.result(), work).failures == []
        assert result(begun.result(), work).failures == []


def test_a_unit_given_up_as_it_ends_takes_no_other_with_it(wide: Server) -> None:
    refused = unit(EnvironmentSpec(id="CartPole-v1"), [1])
    calm = UnitJson.model_validate(faulty("none", rollouts=3)).unit()
    for _ in range(30):  # the first part's refusal has the second one given up, which is refused itself by then
        post(wide, refused, "2")
        assert result(post(wide, calm, "3"), calm).failures == []
