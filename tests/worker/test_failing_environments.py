"""A slot survives, or is replaced after, whatever an environment does; the unit's reply names it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.processes import Server
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
        ("wrong_shape", "invalid", "the observation has 3 values, its space 2"),
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
    assert 0.5 <= result["busy_seconds"] < 5
    assert_still_works(server)


def test_an_endless_episode_ends_at_the_limit(server: Server) -> None:
    assert run(server, "endless", max_episode_steps=25)["lengths"] == [25] * 4


def test_a_slot_over_its_memory_limit_is_killed_and_replaced(server: Server) -> None:
    (failure,) = run(server, "memory")["failures"]
    assert failure["kind"] == "memory"
    assert "its limit is 700 MiB" in failure["message"]
    assert_still_works(server)
