"""The public clients against a real master: from a file to a model that acts."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import yaml

from seedcast import AsyncClient, Client, Model
from seedcast.errors import Conflict, InvalidInput, NotFound
from tests.processes import Server
from tests.specs import cartpole, cartpole_values


def test_a_file_is_submitted_waited_for_downloaded_and_acts(cluster: Server, tmp_path: Path) -> None:
    file = tmp_path / "cartpole.yaml"
    file.write_text(yaml.safe_dump(cartpole_values()))
    with Client(cluster.url) as client:
        submitted = client.submit(file)
        ended = client.wait(submitted.id, poll_seconds=0.1)
        assert (ended.status, ended.generation) == ("completed", 6)
        assert submitted.id in [one.id for one in client.experiments()]
        assert [row.generation for row in client.generations(ended.id, after=4)] == [5, 6]
        assert [row.generation for row in client.tests(ended.id)] == [3, 6]
        assert client.progress(ended.id) is None
        assert "best_model.npz" in [one.name for one in client.artifacts(ended.id)]
        path = client.download(ended.id, "best_model.npz", tmp_path / "best.npz")
    assert Model.load(path).act([0.0, 0.0, 0.1, 0.0]) in (0, 1)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["best.npz", "cartpole.yaml"]


def test_the_asynchronous_client_does_the_same(cluster: Server, tmp_path: Path) -> None:
    async def use() -> Any:
        async with AsyncClient(cluster.url) as client:
            ids = [
                one.id for one in await asyncio.gather(*(client.submit(cartpole(seed=seed)) for seed in (1, 2)))
            ]
            ended = await asyncio.gather(*(client.wait(one, poll_seconds=0.1) for one in ids))
            assert {one.status for one in ended} == {"completed"}
            assert [row.generation for row in await client.tests(ids[0])] == [3, 6]
            return await client.download(ids[0], "scores.csv", tmp_path / "scores.csv")

    assert asyncio.run(use()).read_text().startswith("Time,Iteration,Reward\n")


def test_refusals_come_back_as_the_errors_that_they_are(cluster: Server, tmp_path: Path) -> None:
    with Client(cluster.url) as client:
        for call in (client.experiment, client.stop, client.tests):
            with pytest.raises(NotFound, match="nobody"):
                call("nobody")
        with pytest.raises(NotFound):
            client.experiment("../workers")
        with pytest.raises(InvalidInput) as caught:
            client.submit(cartpole(environment={"id": "CartPole-v9"}))
        assert [error.field for error in caught.value.errors] == ["environment.id"]
        done = client.wait(client.submit(cartpole(stop={"generations": 1})).id, poll_seconds=0.1)
        with pytest.raises(Conflict, match="ended already"):
            client.stop(done.id)
        with pytest.raises(NotFound, match="nothing"):
            client.download(done.id, "nothing", tmp_path / "file")
    assert not list(tmp_path.iterdir())


def test_what_is_wrong_in_a_specification_is_said_before_anything_is_sent(tmp_path: Path) -> None:
    client = Client("http://127.0.0.1:1")
    with pytest.raises(InvalidInput, match="population_size"):
        client.submit(cartpole_values() | {"population_size": -1})
    with pytest.raises(InvalidInput, match="No such file"):
        client.submit(tmp_path / "missing.yaml")
