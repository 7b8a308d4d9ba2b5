"""The dashboard's pages, assets and figures, out of the real application."""

from __future__ import annotations

import asyncio
import base64
import csv
import json
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from services.master.app import create_app
from services.master.dashboard.figures import FIGURES
from services.master.experiments.repository import ExperimentRepository
from services.master.experiments.status import Status
from services.master.settings import Settings
from services.master.storage.checkpoints import Checkpoint
from services.master.storage.data_folder import DataFolder
from services.master.storage.database import Database
from services.master.storage.history import History
from services.master.storage.pages import MOST_POINTS
from shared.spec.experiment import ExperimentSpec
from tests.master.records import evaluated, generation

SPEC = ExperimentSpec.model_validate(
    {
        "name": "cartpole",
        "environment": {"id": "CartPole-v1"},
        "policy": {"name": "linear"},
        "strategy": {"name": "pgpe"},
        "population_size": 16,
        "stop": {"generations": 5, "test_return": 475.0},
    }
)
NOBODY = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder = DataFolder(tmp_path_factory.mktemp("data"))
    asyncio.run(_fill(folder.database))
    settings = Settings(data=folder.root, workers=NOBODY)
    with TestClient(create_app(settings, folder)) as client:
        yield client
    folder.close()


async def _fill(path: Path) -> None:
    database = Database(path)
    repository, history = ExperimentRepository(database), History(database)
    await repository.add("done", SPEC, None)
    for number in range(1, 6):
        checkpoint = Checkpoint(generation=number, file="none", version=1, length=0, sha256="")
        await history.commit_generation("done", generation(number, sigma_mean=0.1 / number), checkpoint)
    await history.commit_test("done", evaluated(5))
    await repository.add("fresh", SPEC, None)
    await repository.add("long", SPEC, None)
    rows = [("long", n, generation(n).model_dump_json()) for n in range(1, 2 * MOST_POINTS)]
    await database.write(
        lambda connection: connection.executemany("INSERT INTO generations VALUES (?, ?, ?)", rows)
    )
    await repository.set_status("long", Status.STOPPED)
    await repository.set_status("done", Status.COMPLETED)
    await repository.set_status("fresh", Status.STOPPED)
    database.close()


def addresses(html: str) -> list[str]:
    return re.findall(r'(?:src|href)="([^"]+)"', html)


@pytest.mark.parametrize("path", ["/", "/dashboard/done"])
def test_a_page_and_everything_it_loads_come_from_the_master(client: TestClient, path: str) -> None:
    html = client.get(path).text
    assert "{{" not in html
    loaded = [address for address in addresses(html) if address.startswith("/static/")]
    assert loaded
    assert all(client.get(address).status_code == 200 for address in loaded)
    assert not re.search(r"https?://", html)


def test_every_module_that_a_script_imports_is_served(client: TestClient) -> None:
    script = next(a for a in addresses(client.get("/dashboard/done").text) if a.endswith("experiment.js"))
    folder = script.rpartition("/")[0]
    waiting, seen = [script], set[str]()
    while waiting:
        address = waiting.pop()
        response = client.get(address)
        assert response.status_code == 200, address
        assert response.headers["content-type"].startswith("text/javascript")
        seen.add(address)
        imported = {f"{folder}/{name}" for name in re.findall(r'from "\./(\w+\.js)"', response.text)}
        waiting += imported - seen
    assert len(seen) > 3


@pytest.mark.parametrize("path", ["/", "/dashboard/done"])
def test_a_page_forbids_foreign_and_inline_scripts(client: TestClient, path: str) -> None:
    response = client.get(path)
    policy = response.headers["content-security-policy"]
    assert policy.startswith("default-src 'self';")
    assert "script-src" not in policy
    assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=", response.text)


def test_the_page_of_an_unknown_experiment_is_a_page_with_status_404(client: TestClient) -> None:
    response = client.get("/dashboard/nobody")
    assert response.status_code == 404
    assert "There is no such experiment" in response.text


def test_plotly_comes_from_its_package_compressed_and_for_good(client: TestClient) -> None:
    address = next(a for a in addresses(client.get("/dashboard/done").text) if "plotly" in a)
    response = client.get(address, headers={"Accept-Encoding": "gzip"})
    assert response.headers["content-encoding"] == "gzip"
    assert int(response.headers["content-length"]) < len(response.content) / 2
    assert response.content == (files("plotly") / "package_data" / "plotly.min.js").read_bytes()
    assert "immutable" in response.headers["cache-control"]


def test_an_asset_comes_plain_to_a_client_that_does_not_decompress(client: TestClient) -> None:
    address = next(a for a in addresses(client.get("/").text) if a.endswith(".css"))
    response = client.get(address, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in response.headers
    assert response.headers["vary"] == "Accept-Encoding"


def test_an_asset_that_the_browser_has_is_not_sent_again(client: TestClient) -> None:
    address = next(a for a in addresses(client.get("/").text) if a.endswith(".css"))
    etag = client.get(address).headers["etag"]
    response = client.get(address, headers={"If-None-Match": etag})
    assert (response.status_code, response.content) == (304, b"")


@pytest.mark.parametrize("name", ["nothing.js", "index.html", "..%2Fassets.py", "%2e%2e"])
def test_nothing_but_the_assets_is_served(client: TestClient, name: str) -> None:
    folder = next(a for a in addresses(client.get("/").text) if a.endswith(".css")).rpartition("/")[0]
    assert client.get(f"{folder}/{name}").status_code == 404


def test_an_asset_of_another_version_is_not_found(client: TestClient) -> None:
    assert client.get("/static/0123456789ab/app.css").status_code == 404


@pytest.mark.parametrize("axis", ["iteration", "time", "env_steps"])
def test_every_figure_that_is_named_is_served_as_plotly_json(client: TestClient, axis: str) -> None:
    names = client.get("/experiments/done/figures").json()["figures"]
    assert names == list(FIGURES)
    for name in names:
        figure = client.get(f"/experiments/done/figures/{name}", params={"axis": axis})
        assert figure.headers["content-type"] == "application/json"
        assert figure.json()["data"]


def test_the_return_figure_shows_the_target_of_the_specification(client: TestClient) -> None:
    assert "target 475" in json.dumps(client.get("/experiments/done/figures/returns").json())


def test_the_figure_of_a_long_run_is_thinned(client: TestClient) -> None:
    lines = client.get("/experiments/long/figures/returns").json()["data"]
    sizes = {len(base64.b64decode(line["x"]["bdata"])) // 4 for line in lines if line["x"]["dtype"] == "f4"}
    assert all(MOST_POINTS // 2 < size <= MOST_POINTS for size in sizes)


def test_all_figures_of_a_page_come_in_one_answer(client: TestClient) -> None:
    charts = client.get("/experiments/done/charts", params={"axis": "time"}).json()
    assert list(charts) == list(FIGURES)
    for name, figure in charts.items():
        assert figure == client.get(f"/experiments/done/figures/{name}", params={"axis": "time"}).json()


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip;q=0", None),
        ("*;q=0.5, gzip;q=0", None),
        ("br, *", "gzip"),
        ("deflate, gzip;q=0.1", "gzip"),
        ("", None),
        ("gzipped", None),
    ],
)
def test_an_asset_is_compressed_only_for_a_client_that_says_so(
    client: TestClient, accepted: str, encoding: str | None
) -> None:
    address = next(a for a in addresses(client.get("/").text) if a.endswith(".css"))
    response = client.get(address, headers={"Accept-Encoding": accepted})
    assert response.headers.get("content-encoding") == encoding


@pytest.mark.parametrize(
    "path",
    ["/", "/livez", "/metrics", "/experiments", "/experiments/done", "/experiments/done/generations", "/workers"],
)
def test_head_is_get_without_a_body(client: TestClient, path: str) -> None:
    head, get = client.head(path), client.get(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == get.headers["content-type"]
    assert int(head.headers["content-length"]) > 0


def test_head_of_what_is_not_there_is_404(client: TestClient) -> None:
    assert client.head("/experiments/nobody").status_code == 404


def test_the_pages_of_a_history_hold_every_record_once(client: TestClient) -> None:
    seen, after = [], -1
    while after is not None:
        reply = client.get("/experiments/long/generations", params={"after": after, "limit": 700}).json()
        seen += [row["generation"] for row in reply["generations"]]
        after = reply["next_after"]
    assert seen == list(range(1, 2 * MOST_POINTS))


def test_the_newest_records_come_oldest_first(client: TestClient) -> None:
    rows = client.get("/experiments/long/generations?newest=true&limit=2").json()["generations"]
    assert [row["generation"] for row in rows] == [2 * MOST_POINTS - 2, 2 * MOST_POINTS - 1]


def test_a_page_of_more_than_a_thousand_records_is_refused(client: TestClient) -> None:
    for path in ("generations", "evaluations", "history", "tests"):
        assert client.get(f"/experiments/long/{path}?limit=1001").status_code == 422
        assert client.get(f"/experiments/nobody/{path}").status_code == 404


def test_a_history_comes_as_csv_with_a_column_for_each_figure(client: TestClient) -> None:
    reply = client.get("/experiments/done/generations?format=csv")
    assert reply.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(reply.text.splitlines()))
    assert [row["generation"] for row in rows] == ["1", "2", "3", "4", "5"]
    assert float(rows[4]["strategy.sigma_mean"]) == pytest.approx(0.02)
    assert float(rows[4]["returns.mean"]) == 5.0


def test_a_figure_of_an_experiment_without_generations_says_so(client: TestClient) -> None:
    assert "No generation" in client.get("/experiments/fresh/figures/returns").text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/experiments/nobody/figures/returns", 404),
        ("/experiments/nobody/figures", 404),
        ("/experiments/done/figures/unknown", 404),
        ("/experiments/done/figures/returns?axis=mood", 422),
    ],
)
def test_a_wrong_request_for_a_figure_is_a_problem_document(client: TestClient, path: str, status: int) -> None:
    response = client.get(path)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
