"""GET /strategies and GET /policies, out of the real application."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest
from fastapi.testclient import TestClient

from seedcast.services.master.app import create_app
from seedcast.services.master.catalogue import catalogue
from seedcast.services.master.catalogue.schemas import StrategyDescription, StrategyList
from seedcast.services.master.settings import Settings
from seedcast.services.master.storage.data_folder import DataFolder
from seedcast.services.master.strategies.pgpe import PGPE, PGPESpec
from seedcast.shared.spec.policy import POLICIES
from seedcast.shared.spec.strategies import STRATEGIES


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder = DataFolder(tmp_path_factory.mktemp("data"))
    with TestClient(create_app(Settings(data=folder.root, workers="http://127.0.0.1:9"), folder)) as client:
        yield client
    folder.close()


def test_every_registered_strategy_is_listed_by_name(client: TestClient) -> None:
    listed = StrategyList.model_validate_json(client.get("/strategies").content).strategies
    assert [one.name for one in listed] == sorted(STRATEGIES)
    for one in listed:
        assert one.summary
        assert one.suits
        assert one.paper.startswith("https://")
        assert one.hyperparameters["additionalProperties"] is False


def test_a_strategy_is_shown_as_it_is_listed(client: TestClient) -> None:
    listed = client.get("/strategies").json()["strategies"]
    for one in listed:
        assert client.get(f"/strategies/{one['name']}").json() == one


def test_hyperparameters_come_with_defaults_descriptions_and_bounds(client: TestClient) -> None:
    shown = StrategyDescription.model_validate_json(client.get("/strategies/pgpe").content)
    properties: Any = shown.hyperparameters["properties"]
    rate = properties["sigma_learning_rate"]
    assert (rate["default"], rate["minimum"], rate["maximum"]) == (0.1, 0, 10)
    assert "σ" in rate["description"]


def test_memory_is_given_for_three_sizes_and_says_what_is_refused(client: TestClient) -> None:
    memory = {
        name: client.get(f"/strategies/{name}").json()["memory"] for name in ("pgpe", "cma_es", "random_search")
    }
    for needs in memory.values():
        assert [(need["dimension"], need["population_size"]) for need in needs] == [
            (2_804, 256),
            (100_000, 256),
            (1_000_000, 256),
        ]
    assert [need["fits"] for need in memory["pgpe"]] == [True, True, True]
    assert [need["fits"] for need in memory["cma_es"]] == [True, False, False]
    assert memory["cma_es"][2]["bytes"] > 8 * 10**12  # one matrix


def test_an_unknown_strategy_is_not_found_and_the_known_ones_are_named(client: TestClient) -> None:
    response = client.get("/strategies/adam")
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert "'adam'" in response.json()["detail"]
    assert "pgpe" in response.json()["detail"]


def test_policies_are_listed_with_their_options(client: TestClient) -> None:
    listed = client.get("/policies").json()["policies"]
    assert [one["name"] for one in listed] == list(POLICIES)
    assert all(one["summary"] and "actions" in one["hyperparameters"]["properties"] for one in listed)


def test_the_documentation_names_what_is_answered(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    answers = {
        path: paths[path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
        for path in ("/strategies", "/strategies/{name}", "/policies")
    }
    assert [answer.rpartition("/")[2] for answer in answers.values()] == [
        "StrategyList",
        "StrategyDescription",
        "PolicyList",
    ]


def test_a_strategy_whose_hyperparameters_have_no_default_is_described_without_its_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Demanding(PGPESpec):
        wanted: float

    monkeypatch.setattr(PGPE, "Spec", Demanding)
    described = catalogue.strategy("pgpe")
    assert described.memory == []
    assert "wanted" in cast(list[str], described.hyperparameters["required"])
