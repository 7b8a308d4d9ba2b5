"""The REST API of experiments, out of the real application; no worker answers, so experiments wait."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from seedcast.services.master.app import create_app
from seedcast.services.master.experiments.changes import Changes
from seedcast.services.master.experiments.repository import ExperimentRepository
from seedcast.services.master.experiments.status import Status
from seedcast.services.master.settings import Settings
from seedcast.services.master.storage.data_folder import DataFolder
from seedcast.services.master.storage.database import Database
from tests.master.experiments.test_lifecycle import digests
from tests.master.experiments.test_recovery import Master, running
from tests.processes import PATIENCE
from tests.shared.test_model import MODEL
from tests.specs import cartpole, cartpole_values


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    folder = DataFolder(tmp_path)
    with TestClient(
        create_app(Settings(data=tmp_path, workers="http://127.0.0.1:9"), folder), base_url="http://localhost"
    ) as client:
        yield client
    folder.close()


def submit(client: TestClient, **changes: Any) -> str:
    response = client.post("/experiments", json=cartpole_values() | changes)
    assert response.status_code == 201, response.text
    return str(response.json()["id"])


def test_a_submission_repeated_with_its_key_starts_nothing_anew(client: TestClient) -> None:
    headers = {"Idempotency-Key": "a-1"}
    replies = [client.post("/experiments", json=cartpole_values(), headers=headers) for _ in range(3)]
    assert [reply.status_code for reply in replies] == [201] * 3
    assert len({reply.json()["id"] for reply in replies}) == 1
    assert len(client.get("/experiments").json()["experiments"]) == 1
    other = client.post("/experiments", json=cartpole_values() | {"seed": 99}, headers=headers)
    assert (other.status_code, other.json()["errors"][0]["field"]) == (422, "Idempotency-Key")
    client.delete(f"/experiments/{replies[0].json()['id']}?force=true").raise_for_status()
    anew = client.post("/experiments", json=cartpole_values(), headers=headers)
    assert anew.json()["id"] != replies[0].json()["id"]


def test_a_study_repeated_with_its_key_starts_nothing_anew(client: TestClient) -> None:
    headers = {"Idempotency-Key": "s-1"}
    study = {"name": "once", "specification": cartpole_values(), "seeds": 1, "budget": {"environment_steps": 1000}}
    ids = [client.post("/studies", json=study, headers=headers).json()["id"] for _ in range(3)]
    assert len(set(ids)) == 1
    assert [one["id"] for one in client.get("/studies").json()["studies"]] == ids[:1]
    other = client.post("/studies", json=study | {"seeds": 2}, headers=headers)
    assert (other.status_code, other.json()["errors"][0]["field"]) == (422, "Idempotency-Key")
    client.post(f"/studies/{ids[0]}/stop").raise_for_status()
    client.delete(f"/studies/{ids[0]}").raise_for_status()
    assert client.post("/studies", json=study, headers=headers).json()["id"] != ids[0]


def test_an_answer_says_how_long_the_server_took_over_it(client: TestClient) -> None:
    for path in ("/livez", "/experiments/none", "/experiments/rows?limit=0"):
        timing = client.get(path).headers["Server-Timing"]
        assert re.fullmatch(r"app;dur=\d+\.\d", timing), path


def test_a_specification_is_read_once_however_often_it_is_asked_for(tmp_path: Path) -> None:
    async def run() -> None:
        database = Database(tmp_path / "seedcast.db")
        repository = ExperimentRepository(database)
        await repository.add("a", cartpole(seed=4711), None)
        assert (await repository.get("a")).spec is (await repository.get("a")).spec
        await repository.change("a", cartpole(seed=4711, name="other"), None)
        assert (await repository.get("a")).spec.name == "other"
        database.close()

    asyncio.run(run())


def test_a_dry_run_estimates_and_starts_nothing(client: TestClient) -> None:
    reply = client.post("/experiments?dry_run=true", json=cartpole_values())
    assert reply.status_code == 200
    assert reply.json()["rollouts_per_generation"] == 32
    assert reply.json()["training_rollouts"] == 32 * 6
    assert client.post("/experiments?dry_run=true", json=cartpole_values() | {"seed": -1}).status_code == 422
    assert client.get("/experiments").json()["experiments"] == []


def test_name_note_tags_and_stop_conditions_are_changed_and_nothing_else(client: TestClient) -> None:
    one = submit(client, tags={"team": "a"})
    changes = {"name": "renamed", "note": "a good one", "tags": {"team": "b"}, "share": 3}
    changes["stop"] = {"test_return": 90}
    changed = client.patch(f"/experiments/{one}", json=changes)
    assert changed.status_code == 200, changed.text
    shown = client.get(f"/experiments/{one}").json()
    assert (shown["id"], shown["name"], shown["note"]) == (one, "renamed", "a good one")
    assert shown["spec"]["tags"] == {"team": "b"}
    assert shown["spec"]["share"] == 3
    assert shown["spec"]["stop"]["generations"] == 6
    assert shown["spec"]["stop"]["test_return"] == 90
    client.patch(f"/experiments/{one}", json={"stop": {"test_return": None}}).raise_for_status()
    assert client.get(f"/experiments/{one}").json()["spec"]["stop"]["test_return"] is None
    for wrong in (
        {"seed": 1},
        {"name": "No Name"},
        {"stop": {"generations": 0}},
        {"stop": {"never": 1}},
        {"share": 0},
    ):
        assert client.patch(f"/experiments/{one}", json=wrong).status_code == 422, wrong
    assert client.patch("/experiments/nobody", json={"note": "x"}).status_code == 404


def test_what_is_archived_is_left_out_of_lists_that_do_not_ask_for_it(client: TestClient) -> None:
    kept, put_away = submit(client), submit(client)
    assert client.patch(f"/experiments/{put_away}", json={"archived": True}).json()["archived"]

    def listed(query: str) -> list[str]:
        return [row["id"] for row in client.get(f"/experiments{query}").json()["experiments"]]

    assert (listed(""), listed("?archived=true")) == ([kept], [put_away])
    client.patch(f"/experiments/{put_away}", json={"note": "still"}).raise_for_status()
    assert client.get(f"/experiments/{put_away}").json()["archived"], "another change takes it out"
    client.patch(f"/experiments/{put_away}", json={"archived": False}).raise_for_status()
    assert listed("") == [put_away, kept]


def test_a_dry_run_of_a_study_says_what_it_takes_and_starts_nothing(client: TestClient) -> None:
    study = {
        "name": "radius",
        "specification": cartpole_values(),
        "axes": [{"field": "strategy.radius", "values": [1, 2, 3, 4]}],
        "seeds": 2,
        "budget": {"environment_steps": 4000},
        "halving": {"first_environment_steps": 1000, "keep": 0.5},
    }
    reply = client.post("/studies?dry_run=true", json=study)
    assert reply.status_code == 200, reply.text
    # Four trials to 1,000 steps, two of them on to 2,000, one of those on to 4,000.
    assert reply.json() == {
        "trials": 4,
        "runs": 8,
        "environment_steps": 2 * (4 * 1000 + 2 * 1000 + 2000),
        "seconds": None,
        "core_hours": None,
    }
    wrong = study | {"axes": [{"field": "strategy.radius", "values": [-1]}]}
    assert client.post("/studies?dry_run=true", json=wrong).status_code == 422
    assert client.get("/studies").json()["studies"] == []


def test_a_clone_has_the_original_s_specification_with_overrides(client: TestClient, tmp_path: Path) -> None:
    one = submit(client, tags={"team": "a"})
    overrides = {"seed": 8, "strategy": {"radius": 3}, "policy": {"name": "mlp"}, "stop": {"generations": 9}}
    clone = client.post(f"/experiments/{one}/clone", json={"overrides": overrides})
    assert clone.status_code == 201, clone.text
    spec = clone.json()["spec"]
    assert clone.headers["Location"] == f"/experiments/{clone.json()['id']}"
    assert (spec["seed"], spec["strategy"]["name"], spec["strategy"]["radius"]) == (8, "pgpe", 3)
    assert (spec["policy"]["name"], spec["stop"]["generations"], spec["test"]["every"]) == ("mlp", 9, 3)
    assert spec["tags"] == {"team": "a", "parent": one}
    assert client.post(f"/experiments/{one}/clone", json={"model": "../x.npz"}).status_code == 422
    assert client.post(f"/experiments/{one}/clone", json={"model": "model_3.npz"}).status_code == 422
    (tmp_path / "experiments" / one).mkdir(exist_ok=True)
    (tmp_path / "experiments" / one / "model_3.npz").write_bytes(MODEL.to_bytes())
    branch = client.post(f"/experiments/{one}/clone", json={"model": "model_3.npz"})
    assert branch.json()["spec"]["warm_start"] == f"experiments/{one}/model_3.npz"


def test_a_list_is_chosen_sorted_and_paged(client: TestClient) -> None:
    ids = [submit(client, name=f"run-{n}", tags={"n": str(n), "odd": str(n % 2)}) for n in range(5)]
    client.post(f"/experiments/{ids[2]}/pause").raise_for_status()

    def listed(**params: Any) -> list[str]:
        return [row["id"] for row in client.get("/experiments", params=params).json()["experiments"]]

    assert listed() == ids[::-1]
    assert listed(sort="name") == ids
    assert listed(status="paused") == [ids[2]]
    assert set(listed(status="active")) == {*ids} - {ids[2]}
    assert listed(tag="odd=1") == [ids[3], ids[1]]
    assert listed(tag=["n", "n=4"]) == [ids[4]]
    assert listed(text="RUN-3 cartpole") == [ids[3]]
    assert listed(strategy="cma_es") == []
    assert len(listed(environment="CartPole-v1")) == 5
    seen, cursor = [], None
    while True:
        page = client.get("/experiments", params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        seen += [row["id"] for row in page["experiments"]]
        assert all("spec" not in row for row in page["experiments"])
        if (cursor := page["next_cursor"]) is None:
            break
    assert seen == ids[::-1]
    assert client.get("/experiments?cursor=nobody").status_code == 422


def test_a_file_is_had_in_parts_and_not_at_all_if_it_has_not_changed(client: TestClient, tmp_path: Path) -> None:
    one = submit(client)
    client.post(f"/experiments/{one}/stop").raise_for_status()
    client.get(f"/experiments/{one}/artifacts").raise_for_status()
    (tmp_path / "experiments" / one / "plot.png").write_bytes(b"0123456789")
    path = f"/experiments/{one}/artifacts/plot.png"
    whole = client.get(path)
    assert whole.headers["Content-Disposition"] == 'inline; filename="plot.png"'
    assert whole.headers["Last-Modified"].endswith("GMT")
    etag = whole.headers["ETag"]
    for asked, given, stated in (
        ("bytes=2-4", b"234", "bytes 2-4/10"),
        ("bytes=8-", b"89", "bytes 8-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=5-100", b"56789", "bytes 5-9/10"),
    ):
        part = client.get(path, headers={"Range": asked})
        assert (part.status_code, part.content, part.headers["Content-Range"]) == (206, given, stated)
    for ignored in ("bytes=1-2,4-5", "lines=1-2", "bytes=4-2", "bytes=-"):
        assert client.get(path, headers={"Range": ignored}).status_code == 200
    beyond = client.get(path, headers={"Range": "bytes=10-"})
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, "bytes */10")
    assert client.get(path, headers={"If-None-Match": etag}).status_code == 304
    assert client.get(path, headers={"Range": "bytes=2-4", "If-Range": '"old"'}).content == b"0123456789"
    assert client.head(path).headers["Content-Length"] == "10"


def test_the_end_of_the_log_is_shown(client: TestClient, tmp_path: Path) -> None:
    one = submit(client)
    client.post(f"/experiments/{one}/stop").raise_for_status()
    client.get(f"/experiments/{one}/artifacts").raise_for_status()
    text = "".join(f"generation {n} {'x' * 100}\n" for n in range(1, 3001))
    (tmp_path / "experiments" / one / "log.txt").write_text(text)
    assert client.get(f"/experiments/{one}/log?lines=1000").text == "".join(text.splitlines(keepends=True)[-1000:])
    assert client.get(f"/experiments/{one}/log?lines=1").text.startswith("generation 3000 ")


def test_a_target_raised_on_a_completed_run_continues_it_as_if_it_had_been_so_from_the_start(
    tmp_path: Path,
) -> None:
    async def story(master: Master) -> None:
        longer = await master.service.create(cartpole(stop={"generations": 12}))
        one = await master.service.create(cartpole())
        await master.until(one.id, lambda seen: seen.status is Status.COMPLETED)
        unchanged = await master.service.change(one.id, Changes(note="done", stop={"generations": 5}))
        assert unchanged.status is Status.COMPLETED
        changed = await master.service.change(one.id, Changes(stop={"generations": 12}))
        assert changed.active
        for experiment in (one, longer):
            ended = await master.until(experiment.id, lambda seen: seen.status is Status.COMPLETED)
            assert (ended.generation, ended.reason) == (12, "all 12 generations done")
        assert await digests(master, one.id) == await digests(master, longer.id)

    running(tmp_path, story)


def test_a_stop_condition_changed_on_a_running_experiment_holds_at_once(tmp_path: Path) -> None:
    async def story(master: Master) -> None:
        one = await master.service.create(cartpole(stop={"generations": 1_000_000}))
        await master.until(one.id, lambda seen: seen.generation >= 3)
        await master.service.change(one.id, Changes(stop={"generations": 5}))
        async with asyncio.timeout(PATIENCE):
            ended = await master.until(one.id, lambda seen: seen.status is Status.COMPLETED)
        assert ended.reason == "all 5 generations done"

    running(tmp_path, story)


def test_a_target_lowered_below_what_a_running_experiment_has_reached_ends_it_before_its_next_test(
    tmp_path: Path,
) -> None:
    async def story(master: Master) -> None:
        stop, test = {"generations": 1_000_000, "test_return": 1e9}, {"every": 100, "episodes": 2}
        one = await master.service.create(cartpole(stop=stop, test=test))
        tested = await master.until(one.id, lambda seen: seen.best_test_return is not None)
        await master.service.change(one.id, Changes(stop={"test_return": tested.best_test_return}))
        async with asyncio.timeout(PATIENCE):
            ended = await master.until(one.id, lambda seen: seen.status is Status.COMPLETED)
        assert ended.reason.endswith("at generation 100")
        assert ended.generation < 200

    running(tmp_path, story)


def test_a_stop_condition_raised_at_any_moment_of_the_end_is_heeded(tmp_path: Path) -> None:
    async def story(master: Master) -> None:
        for late in range(40):  # in steps of a few milliseconds, from before the last generation to after the end
            one = await master.service.create(cartpole(stop={"generations": 3}))
            await master.until(one.id, lambda seen: seen.generation >= 2)
            await asyncio.sleep(late * 0.002)
            await master.service.change(one.id, Changes(stop={"generations": 5}))
            ended = await master.until(
                one.id,
                lambda seen: seen.status is Status.COMPLETED and seen.generation >= seen.spec.stop.generations,
            )
            assert ended.generation == 5
            await master.service.delete(one.id)

    running(tmp_path, story)


@pytest.mark.parametrize(
    ("query", "field", "reason"),
    [
        ("enviroment=CartPole-v1", "enviroment", "is no parameter; did you mean environment?"),
        ("environment=CartPole-v1&environment=Pendulum-v1", "environment", "is given more than once"),
    ],
)
def test_a_parameter_that_there_is_not_is_refused(client: TestClient, query: str, field: str, reason: str) -> None:
    answer = client.get(f"/experiments?{query}")
    assert answer.status_code == 422
    assert [(one["field"], one["reason"]) for one in answer.json()["errors"]] == [(field, reason)]
    assert client.get("/experiments?status=active&status=failed&tag=a&tag=b").status_code == 200
    unknown = client.get("/experiments?status=nope")
    assert unknown.status_code == 422, "an unknown status is no list of nothing"
    assert "paused" in " ".join(error["reason"] for error in unknown.json()["errors"])
    assert (
        client.get("/strategies?name=pgpe").json()["errors"][0]["reason"] == "is no parameter: there are none here"
    )
