"""The worker's API, over HTTP."""

from __future__ import annotations

import json
from typing import Any

import httpx
import numpy as np
import pytest

from seedcast.services.worker.engine import run_unit
from seedcast.shared.frame import decode_frame, encode_frame
from seedcast.shared.protocol import (
    FRAME_MEDIA_TYPE,
    MEMORY_HEADER,
    PROTOCOL_VERSION,
    Unit,
    UnitResult,
    WorkerInfo,
)
from seedcast.shared.seeding import noise
from seedcast.shared.spec.environment import EnvironmentDescription, EnvironmentSpec
from tests.processes import Server
from tests.units import LINEAR, faulty, numbers, unit

JSON = {"Content-Type": "application/json"}
CART_POLE = EnvironmentSpec(id="CartPole-v1")


def post_frame(server: Server, frame: bytes) -> httpx.Response:
    return server.http.post("/rollouts", content=frame, headers={"Content-Type": FRAME_MEDIA_TYPE})


def example(server: Server, path: str) -> dict[str, Any]:
    document = server.http.get("/openapi.json").json()
    body = document["paths"][path]["post"]["requestBody"]
    found: dict[str, Any] = body["content"]["application/json"]["example"]
    return found


def assert_problem(response: httpx.Response, status: int, field: str, reason: str) -> None:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    (error,) = response.json()["errors"]
    assert error["field"] == field
    assert reason in error["reason"]


def test_a_frame_gets_the_bits_that_the_engine_gives(server: Server) -> None:
    work = unit(EnvironmentSpec(id="BipedalWalker-v3"), [1, 2, 3], collect_statistics=True)
    reply = post_frame(server, work.to_frame())
    assert reply.headers["content-type"] == FRAME_MEDIA_TYPE
    result, here = UnitResult.from_frame(reply.content, len(work)), run_unit(work)
    assert numbers(result) == numbers(here)
    np.testing.assert_array_equal(result.observation_squares, here.observation_squares)
    assert result.busy_seconds > 0


def test_answers_say_how_much_memory_the_worker_and_its_slots_take(server: Server) -> None:
    for reply in (server.http.get("/readyz"), post_frame(server, unit(CART_POLE, [1]).to_frame())):
        assert int(reply.headers[MEMORY_HEADER]) > 100 * 2**20, "two processes with numpy take no less"


def test_the_documented_examples_run(server: Server) -> None:
    reply = server.http.post("/rollouts", json=example(server, "/rollouts"))
    assert reply.status_code == 200
    assert reply.json()["failures"] == []
    assert all(length > 0 for length in reply.json()["lengths"])
    described = server.http.post("/environments/describe", json=example(server, "/environments/describe"))
    assert EnvironmentDescription.model_validate_json(described.content).observation_size == 4


def test_the_document_names_the_header_that_splits_a_unit(server: Server) -> None:
    (parameter,) = server.http.get("/openapi.json").json()["paths"]["/rollouts"]["post"]["parameters"]
    assert (parameter["name"], parameter["in"]) == ("Seedcast-Slots", "header")


def test_every_reference_in_the_document_resolves(server: Server) -> None:
    text = server.http.get("/openapi.json").text
    known = json.loads(text)["components"]["schemas"]
    wanted = {part.partition('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert wanted
    assert wanted <= known.keys()


def test_an_environment_that_prints_and_interrupts_disturbs_nobody(server: Server) -> None:
    body = faulty("none") | {"environment": {"id": "Talker-v0"}, "parameters": [[0.0] * 2]}
    reply = server.http.post("/rollouts", json=body).json()
    assert reply["failures"] == []
    assert reply["lengths"] == [5] * 4
    assert "hello from the environment" in server.log.read_text()


def test_an_environment_that_draws_globally_belongs_to_its_seed(server: Server) -> None:
    body = faulty("none") | {"environment": {"id": "Dice-v0"}, "parameters": [[0.0] * 2]}
    forwards = server.http.post("/rollouts", json=body | {"seeds": [1, 2, 3, 4]}).json()["returns"]
    backwards = server.http.post("/rollouts", json=body | {"seeds": [4, 3, 2, 1]}).json()["returns"]
    assert forwards == backwards[::-1]
    assert len(set(forwards)) == 4


def test_members_described_in_json_are_those_written_out(server: Server) -> None:
    mean, sigma = np.linspace(-1, 1, 10).astype(np.float32), np.float32(0.25)
    perturbation = sigma * noise(3, 4, 1, 10)
    body = {"environment": {"id": "CartPole-v1"}, "policy": LINEAR, "rows": [0, 1], "seeds": [7, 7]}
    rows = {"parameters": [(mean + perturbation).tolist(), (mean - perturbation).tolist()]}
    described: dict[str, Any] = {
        "population": "gaussian",
        "mean": mean.tolist(),
        "sigma": [float(sigma)],
        "noise": {"seed": 3, "generation": 4, "mirrored": True},
        "members": [2, 3],
    }
    replies = [server.http.post("/rollouts", json=body | members).json() for members in (rows, described)]
    assert replies[0]["returns"] == replies[1]["returns"]
    assert len(set(replies[0]["returns"])) == 2
    refused = server.http.post("/rollouts", json=body | described | {"sigma": [-1.0]})
    assert_problem(refused, 422, "sigma", "must not be negative")
    refused = server.http.post("/rollouts", json=body | described | {"mean": None})
    assert_problem(refused, 422, "mean", "is missing")


def test_bytes_that_are_no_frame_are_refused(server: Server) -> None:
    assert_problem(post_frame(server, b"junk"), 422, "body", "is not a Seedcast frame")


def test_a_frame_of_another_protocol_is_refused_as_a_conflict(server: Server) -> None:
    header, arrays = decode_frame(unit(CART_POLE, [1]).to_frame())
    mine = f'"protocol":{PROTOCOL_VERSION}'
    assert mine in header
    reply = post_frame(server, encode_frame(header.replace(mine, '"protocol":9'), arrays))
    assert reply.status_code == 409
    assert "speaks protocol 9" in reply.json()["detail"]


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        ({"environment": {"id": "CartPol-v1"}}, "environment.id", "did you mean CartPole-v1"),
        ({"environment": {"id": "Text-v0"}}, "environment.id", "cannot be flattened"),
        ({"environment": {"id": "CartPole-v1", "kwargs": {"x": 1}}}, "environment.kwargs", "'x'"),
        ({"parameters": [[1.0]]}, "parameters", "has rows of 1 values, the policy has 4"),
        ({"parameters": [[1.0], [1.0, 2.0]]}, "parameters", "inhomogeneous"),
        ({"rows": [0, 0, 1, 0]}, "rows", "must point into the 1 parameter rows"),
        ({"seeds": [0, 1, 2, -1]}, "seeds", "must be from 0"),
        ({"policy": {"name": "linear", "actions": "tanh"}}, "policy.actions", "discrete"),
        ({"policy": {"name": "no_such"}}, "policy", "does not match any of the expected tags"),
        ({"seeds": "x"}, "seeds", "valid array"),
    ],
)
def test_a_wrong_unit_is_refused_by_field_and_reason(
    server: Server, change: dict[str, Any], field: str, reason: str
) -> None:
    assert_problem(server.http.post("/rollouts", json=faulty("none") | change), 422, field, reason)


def test_a_body_that_is_no_json_is_refused(server: Server) -> None:
    assert_problem(server.http.post("/rollouts", content=b"{", headers=JSON), 422, "body", "Invalid JSON")


def test_an_unknown_environment_is_refused_with_near_names(server: Server) -> None:
    reply = server.http.post("/environments/describe", json={"id": "BipedalWalkr-v3"})
    assert_problem(reply, 422, "environment.id", "did you mean BipedalWalker-v3")


def test_an_unknown_key_is_refused(server: Server) -> None:
    reply = server.http.post("/environments/describe", json={"id": "CartPole-v1", "nonsense": 1})
    assert_problem(reply, 422, "nonsense", "Extra inputs are not permitted")


def test_info_says_what_the_worker_is(server: Server) -> None:
    info = WorkerInfo.model_validate_json(server.http.get("/info").content)
    assert info.slots == 1
    assert info.protocol == PROTOCOL_VERSION
    assert {"BipedalWalkerHardcore-v3", "CartPole-v1", "Faulty-v0"} <= set(info.environments)
    assert "Ant-v2" not in info.environments  # registered only to say that it has moved
    assert {"linear", "mlp"} <= set(info.policies)
    assert info.cpu
    assert len(info.fingerprint) == 12


def test_metrics_count_what_the_slots_did(server: Server) -> None:
    before = metrics(server)
    server.http.post("/rollouts", json=faulty("raise", every=2))
    now = metrics(server)
    assert now["seedcast_worker_rollouts_total"] == before["seedcast_worker_rollouts_total"] + 2
    steps = "seedcast_worker_environment_steps_total"
    assert now[steps] == before[steps] + 20
    assert now['seedcast_worker_failures_total{kind="exception"}'] >= 2
    assert now["seedcast_worker_busy_slots"] == 0


def metrics(server: Server) -> dict[str, float]:
    lines = server.http.get("/metrics").text.splitlines()
    pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name: float(value) for name, _, value in pairs}


def test_a_unit_survives_the_trip_through_json(server: Server) -> None:
    work = unit(CART_POLE, [5, 6])
    body = work.header.model_dump() | {
        "parameters": np.asarray(work.parameters).tolist(),
        "rows": work.rows.tolist(),
        "seeds": work.seeds.tolist(),
        "normaliser_mean": [0.0] * 4,
        "normaliser_std": [1.0] * 4,
    }
    reply = server.http.post("/rollouts", json=body)
    plain: Unit = work
    assert reply.json()["returns"] == run_unit(plain).returns.tolist()


def test_packages_that_cannot_be_used_are_told_with_their_reasons(server: Server) -> None:
    info = WorkerInfo.model_validate_json(server.http.get("/info").content)
    reasons = {(plugin.group, plugin.name): plugin.broken or "" for plugin in info.broken_plugins}
    assert "cannot replace it" in reasons["seedcast.policies", "mlp"]
    assert "no display" in reasons["seedcast.policies", "leaving"]
    assert "no_such_module" in reasons["seedcast.environments", "Broken-v0"]
    assert reasons["gymnasium.envs", "thief"] == "may not replace the environments of others: CartPole-v1"
    described = server.http.post("/environments/describe", json={"id": "CartPole-v1", "engine": "gymnasium"})
    assert described.json()["observation_size"] == 4


def test_the_environments_are_listed_with_what_they_observe_and_take(server: Server) -> None:
    rows = {row["id"]: row for row in server.http.get("/environments").json()["environments"]}
    here = set(server.http.get("/info").json()["environments"])
    assert here <= set(rows)
    assert all(row["refusal"] for id_, row in rows.items() if id_ not in here)
    assert (rows["Pong-v5"]["family"], "images" in rows["Pong-v5"]["refusal"]) == ("Atari", True)
    walker = rows["BipedalWalker-v3"]
    assert (walker["family"], walker["engine"], walker["observation_size"]) == ("Box2D", "envpool", 24)
    assert (len(walker["actions"]["low"]), walker["max_episode_steps"], walker["reward_threshold"]) == (
        4,
        1600,
        300,
    )
    assert rows["Dice-v0"] | {"observation_size": None, "actions": None} == rows["Dice-v0"]
    assert not [id_ for id_ in here if rows[id_]["observation_size"] is None and rows[id_]["family"] == "Box2D"]
