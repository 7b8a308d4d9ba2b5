"""The dashboard's pages, assets and columns, out of the real application."""

from __future__ import annotations

import asyncio
import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from seedcast.services.master.app import create_app
from seedcast.services.master.dashboard.assets import page_html
from seedcast.services.master.dashboard.bundle import bundle
from seedcast.services.master.dashboard.endpoints import EXPERIMENTS
from seedcast.services.master.experiments.prices import Prices
from seedcast.services.master.experiments.repository import ExperimentRepository
from seedcast.services.master.experiments.status import Status
from seedcast.services.master.settings import Settings
from seedcast.services.master.storage.checkpoints import Checkpoint
from seedcast.services.master.storage.data_folder import DataFolder
from seedcast.services.master.storage.database import Database
from seedcast.services.master.storage.history import History
from seedcast.services.master.storage.pages import MOST_POINTS
from seedcast.services.master.storage.records import GenerationRecord, ReturnSummary
from seedcast.shared.spec.experiment import ExperimentSpec
from seedcast.shared.spec.parse import parse_spec
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
PEAK = 1000
"""The generation of the long run in which its returns leave their range."""
NOBODY = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder = DataFolder(tmp_path_factory.mktemp("data"))
    asyncio.run(_fill(folder.database))
    settings = Settings(data=folder.root, workers=NOBODY)
    with TestClient(create_app(settings, folder)) as client:
        yield client
    folder.close()


def _with_peak(number: int) -> GenerationRecord:
    if number != PEAK:
        return generation(number, seconds=4.0)
    extremes = ReturnSummary(mean=9e5, std=1.0, minimum=-1e6, median=9e5, maximum=1e6)
    return generation(number, seconds=4.0).model_copy(
        update={"returns": extremes, "lost_units": 2, "resumed": True}
    )


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
    rows = [("long", n, _with_peak(n).model_dump_json()) for n in range(1, 2 * MOST_POINTS)]
    await database.write(
        lambda connection: connection.executemany("INSERT INTO generations VALUES (?, ?, ?)", rows)
    )
    await repository.set_status("long", Status.STOPPED)
    await repository.set_status("done", Status.COMPLETED)
    await repository.set_status("fresh", Status.STOPPED)
    database.close()


def addresses(html: str) -> list[str]:
    """Return the assets' paths; a page names them relative to itself."""
    found = re.findall(r'(?:src|href)="([^"]+)"', html)
    return ["/" + address.lstrip("./") for address in found if "static/" in address]


HTML_SINK = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(")
PAGES = [
    "/",
    "/dashboard/done",
    "/dashboard/submit",
    "/dashboard/compare",
    "/dashboard/fleet",
    "/dashboard/studies",
    "/dashboard/studies/nobody",
    "/dashboard/studies/new",
]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_and_everything_it_loads_come_from_the_master(client: TestClient, path: str) -> None:
    html = client.get(path).text
    assert not re.search(r"\$\w|\$\{", html)
    assert 'href="/' not in html, "behind a prefix only relative addresses are right"
    loaded = addresses(html)
    assert len(loaded) >= 3
    assert all(client.get(address).status_code == 200 for address in loaded)
    assert not re.search(r"https?://", html)


@pytest.mark.parametrize("path", PAGES)
def test_a_pages_script_is_whole(client: TestClient, path: str) -> None:
    html = client.get(path).text
    (script,) = (a for a in addresses(html) if a.endswith("_page.js"))
    response = client.get(script)
    assert response.headers["content-type"].startswith("text/javascript")
    assert "// live.js" in response.text or "// spec_editor.js" in response.text
    assert not re.search(r"^(import|export)\b", response.text, re.MULTILINE)


def test_a_module_comes_before_those_that_need_it_and_only_once() -> None:
    modules = {
        "a": 'import { b as other } from "./b.js";\nimport { c } from "./c.js";\nother(c);',
        "b": 'import { c } from "./c.js";\nexport async function b() {\n  return c;\n}',
        "c": "export const c = 1;",
    }
    c, b, a = bundle("a", modules.__getitem__).split("\n\n")
    assert c == "const $c = (() => { // c.js\nconst c = 1;\nreturn { c };\n})();"
    assert b.splitlines()[1:] == [
        "const { c } = $c;",
        "async function b() {",
        "  return c;",
        "}",
        "return { b };",
        "})();",
    ]
    assert a.splitlines()[1:4] == ["const { b: other } = $b;", "const { c } = $c;", "other(c);"]


@pytest.mark.parametrize("text", ['import c from "./c.js";', "export default 1;", 'import { a } from "./a.js";'])
def test_a_module_that_is_written_otherwise_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"a\.js"):
        bundle("a", {"a": text}.__getitem__)


@pytest.mark.parametrize("path", PAGES)
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


def test_plotly_is_loaded_only_where_charts_are_compressed_and_for_good(client: TestClient) -> None:
    address = next(a for a in addresses(client.get("/dashboard/done").text) if "plotly" in a)
    response = client.get(address, headers={"Accept-Encoding": "gzip"})
    assert response.headers["content-encoding"] == "gzip"
    assert int(response.headers["content-length"]) < 400_000
    assert "immutable" in response.headers["cache-control"]
    assert "plotly" not in client.get("/").text


def test_a_page_knows_the_prices_that_the_master_was_told() -> None:
    assert '<body data-price="0.05">' in page_html(EXPERIMENTS, Prices(on_demand=0.05))
    assert "<body>" in page_html(EXPERIMENTS)


def test_no_script_of_ours_reads_text_as_html() -> None:
    folder = Path("services/master/dashboard/static")
    scripts = [path for path in folder.glob("*.js") if "plotly" not in path.name]
    assert len(scripts) > 20
    for path in scripts:
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", path.read_text()
        ), path


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


@pytest.mark.parametrize("name", ["nothing.js", "dom.js", "index.html", "..%2Fassets.py", "%2e%2e"])
def test_nothing_but_the_assets_is_served(client: TestClient, name: str) -> None:
    folder = next(a for a in addresses(client.get("/").text) if a.endswith(".css")).rpartition("/")[0]
    assert client.get(f"{folder}/{name}").status_code == 404


def test_an_asset_of_another_version_is_not_found(client: TestClient) -> None:
    assert client.get("/static/0123456789ab/app.css").status_code == 404


def test_columns_hold_what_the_records_do_under_dotted_names(client: TestClient) -> None:
    columns = client.get("/experiments/done/columns").json()
    assert (columns["every"], columns["whole"], columns["last"], columns["last_test"]) == (1, True, 5, 5)
    assert columns["generations"]["generation"] == [1, 2, 3, 4, 5]
    assert columns["generations"]["returns.mean"] == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert columns["generations"]["strategy.sigma_mean"] == pytest.approx(
        [0.1, 0.05, 0.1 / 3, 0.025, 0.02], rel=1e-5
    )
    assert columns["tests"]["episode_returns"] == [[9.0, 11.0]]


def test_a_page_that_says_what_it_has_gets_only_what_is_new(client: TestClient) -> None:
    columns = client.get("/experiments/done/columns?after=3&every=1").json()
    assert not columns["whole"]
    assert columns["generations"]["generation"] == [4, 5]
    assert client.get("/experiments/done/columns?after=5&every=1").json()["generations"] == {}


def test_a_page_that_has_more_than_there_is_gets_all_anew(client: TestClient) -> None:
    columns = client.get("/experiments/done/columns?after=9&every=1").json()
    assert columns["whole"]
    assert columns["generations"]["generation"] == [1, 2, 3, 4, 5]


def test_a_long_history_is_thinned_and_keeps_its_extremes_and_events(client: TestClient) -> None:
    columns = client.get("/experiments/long/columns?most=100").json()
    told, every = columns["generations"]["generation"], columns["every"]
    assert 50 < len(told) <= 100
    assert every == 64
    assert (told[0], told[-1]) == (1, 2 * MOST_POINTS - 1)
    peak = next(i for i, generation in enumerate(told) if generation >= PEAK)
    assert PEAK not in told
    assert columns["generations"]["returns.maximum"][peak] == 1e6
    assert columns["generations"]["returns.best_mean"][peak] == 9e5
    assert columns["generations"]["returns.minimum"][peak] == -1e6
    assert max(columns["generations"]["returns.maximum"][:peak]) < 1e6
    for event, times in (("lost_units", 2), ("resumed", 1), ("hedged_units", 0)):
        expected = [times if place == peak else 0 for place in range(len(told))]
        assert columns["generations"][event] == expected
    again = client.get(f"/experiments/long/columns?most=100&after={told[-2]}&every=64").json()
    assert again["generations"]["generation"] == told[-1:]


def test_an_experiment_without_generations_has_empty_columns(client: TestClient) -> None:
    columns = client.get("/experiments/fresh/columns").json()
    assert (columns["generations"], columns["tests"], columns["last"]) == ({}, {}, 0)
    assert client.get("/experiments/nobody/columns").status_code == 404


def test_rows_show_last_test_pace_and_a_small_curve(client: TestClient) -> None:
    rows = {row["id"]: row for row in client.get("/experiments").json()["experiments"]}
    assert rows["done"]["last_test_return"] == 10.0
    assert rows["done"]["steps_per_second"] == 500.0
    assert rows["done"]["curve"] == [0, 25, 50, 74, 99]
    assert rows["fresh"]["curve"] == []
    assert rows["fresh"]["last_test_return"] is None


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("name", ["long", "fresh", "done"]),
        ("last", ["done", "long", "fresh"]),
        ("pace", ["done", "long", "fresh"]),
        ("status", ["done", "long", "fresh"]),
        ("created", ["long", "fresh", "done"]),
    ],
)
def test_rows_are_sorted_by_any_column_and_what_has_no_value_comes_last(
    client: TestClient, sort: str, expected: list[str]
) -> None:
    page = client.get("/experiments", params={"sort": sort}).json()
    assert [row["id"] for row in page["experiments"]] == expected
    assert (page["total"], page["active"]) == (3, 0)
    page = client.get("/experiments", params={"sort": sort, "reverse": True, "limit": 2}).json()
    rest = client.get("/experiments", params={"sort": sort, "reverse": True, "cursor": page["next_cursor"]})
    turned = [row["id"] for row in [*page["experiments"], *rest.json()["experiments"]]]
    if sort == "last":
        assert turned == expected, "one has a test; the others stay last"
    elif sort == "created":
        assert turned == expected[::-1]
    assert sorted(turned) == sorted(expected)


def test_groups_by_tag_have_curves_with_intervals(client: TestClient) -> None:
    reply = client.get("/comparison", params={"run": ["done", "fresh"], "tag": "sweep", "against": "generation"})
    groups = reply.json()["groups"]
    assert [(group["group"], group["runs"]) for group in groups] == [("done", ["done"]), ("fresh", ["fresh"])]
    assert (groups[0]["x"], groups[0]["mean"], groups[0]["finals"]) == ([5.0], [10.0], [10.0])
    assert groups[1]["x"] == []
    assert client.get("/comparison", params={"run": ["nobody"]}).status_code == 404
    assert client.get("/comparison").status_code == 422


def test_presets_are_valid_specifications(client: TestClient) -> None:
    found = client.get("/presets").json()["presets"]
    assert "cartpole" in [preset["name"] for preset in found]
    for preset in found:
        parse_spec(preset["yaml"])


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
