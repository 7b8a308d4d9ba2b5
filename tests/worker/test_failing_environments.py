"""A slot survives, or is replaced after, whatever an environment does; the unit's reply names it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.processes import Server, free_port
from tests.units import faulty


def run(server: Server, mode: str, **options: Any) -> dict[str, Any]:
    reply = server.http.post("/rollouts", json=faulty(mode, **options))
    assert reply.status_code == 200, reply.text
    result: dict[str, Any] = reply.json()
    return result


def assert_still_works(server: Server) -> None:
    assert run(server, "none")["returns"] == [10.0] * 4


@pytest.mark.parametrize(
    ("mode", "kind", "message"),
    [
        ("raise", "exception", "RuntimeError: the simulation blew up"),
        ("nan", "invalid", "the reward is nan at step 3"),
        ("nan_observation", "invalid", "the observation is not finite at step 3"),
        ("two_rewards", "invalid", "the reward has 2 values at step 3"),
        ("no_reward", "invalid", "the reward is no number but NoneType at step 3"),
        ("text_reward", "invalid", "the reward is no number but str at step 3"),
        ("huge_reward", "invalid", "the reward is an integer beyond what a float holds at step 3"),
        ("two_endings", "invalid", "the terminated has 2 values at step 3"),
        ("leave", "exception", "SystemExit: the licence has run out"),
        ("wrong_shape", "invalid", "the observation has 3 values instead of 2 at step 3"),
    ],
)
def test_a_broken_rollout_fails_and_its_neighbours_do_not(
    server: Server, mode: str, kind: str, message: str
) -> None:
    result = run(server, mode, every=2)
    assert result["failures"] == [{"kind": kind, "message": message, "rollouts": [0, 2]}]
    assert result["returns"] == [None, 10.0, None, 10.0]
    assert result["lengths"] == [0, 10, 0, 10]


@pytest.mark.parametrize(
    ("mode", "message"),
    [("segfault", "the slot was killed by SIGSEGV"), ("exit", "the slot exited with code 3")],
)
def test_a_dead_slot_fails_its_unit_and_is_replaced(server: Server, mode: str, message: str) -> None:
    result = run(server, mode)
    assert result["failures"] == [{"kind": "crash", "message": message, "rollouts": [0, 1, 2, 3]}]
    assert result["returns"] == [None] * 4
    assert_still_works(server)


def test_a_unit_that_hangs_is_killed_at_its_deadline(server: Server) -> None:
    result = run(server, "hang", rollout_timeout_seconds=0.5)
    (failure,) = result["failures"]
    assert failure["kind"] == "timeout"
    assert "0.5 s" in failure["message"]
    assert 0.5 <= result["busy_seconds"] < 60  # it would hang for good
    assert_still_works(server)


def test_an_endless_episode_ends_at_the_limit(server: Server) -> None:
    assert run(server, "endless", max_episode_steps=25)["lengths"] == [25] * 4


def test_a_slot_over_its_memory_limit_is_killed_and_replaced(server: Server) -> None:
    (failure,) = run(server, "memory")["failures"]
    assert failure["kind"] == "memory"
    assert "its limit is 700 MiB" in failure["message"]
    assert_still_works(server)


def test_numbers_in_arrays_of_one_are_taken_for_numbers(server: Server) -> None:
    assert run(server, "single_arrays")["returns"] == [10.0] * 4


def test_closing_that_fails_costs_nothing(server: Server) -> None:
    described = server.http.post(
        "/environments/describe", json={"id": "Faulty-v0", "kwargs": {"mode": "close_raises"}}
    )
    assert described.status_code == 200, described.text
    assert run(server, "close_raises")["returns"] == [10.0] * 4


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("make_raises", "Faulty-v0 cannot be made (RuntimeError: no licence)"),
        ("make_leaves", "Faulty-v0 cannot be made (SystemExit: no licence)"),
        ("make_strange", "Faulty-v0 cannot be described (AttributeError: "),
        ("make_dies", "cannot be described: the process that made it exited with code 3"),
    ],
)
def test_a_description_that_fails_says_why_in_the_environments_own_words(
    server: Server, mode: str, reason: str
) -> None:
    reply = server.http.post("/environments/describe", json={"id": "Faulty-v0", "kwargs": {"mode": mode}})
    assert reply.status_code == 422
    assert reason in reply.json()["errors"][0]["reason"]
    assert_still_works(server)


@pytest.mark.parametrize("mode", ["segfault", "exit", "hang", "raise"])
def test_an_environment_that_only_fails_later_is_described_all_the_same(server: Server, mode: str) -> None:
    environment = {"id": "Faulty-v0", "kwargs": {"mode": mode}, "rollout_timeout_seconds": 0.5}
    reply = server.http.post("/environments/describe", json=environment)
    assert reply.status_code == 200, reply.text
    assert reply.json()["seed_fault"] is None
    assert_still_works(server)


def test_a_description_tells_of_episodes_that_do_not_follow_their_seed(server: Server) -> None:
    reply = server.http.post("/environments/describe", json={"id": "Lottery-v0"})
    assert reply.json()["seed_fault"] == "the observations of two episodes with one seed differ at its start"
    assert server.http.post("/environments/describe", json={"id": "Dice-v0"}).json()["seed_fault"] is None


def test_nothing_is_left_in_the_folder_that_a_worker_was_started_in(tmp_path: Path) -> None:
    folder = tmp_path / "started_here"
    folder.mkdir()
    port = free_port()
    settings = {"SEEDCAST_WORKER_PORT": str(port), "SEEDCAST_WORKER_SLOTS": "1", "TMPDIR": str(tmp_path)}
    with Server("seedcast.services.worker", settings, port, tmp_path / "worker.log", cwd=folder) as server:
        assert run(server, "litter")["returns"] == [10.0] * 4
        assert list(folder.iterdir()) == []
        assert list(tmp_path.glob("seedcast-slot-*/MUJOCO_LOG.TXT"))
    assert not list(tmp_path.glob("seedcast-slot-*"))
