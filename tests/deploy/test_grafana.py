"""deploy/grafana/seedcast.json asks for metrics and labels that master and worker have."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.processes import ROOT, Server, master, submit, wait_for_end, worker
from tests.specs import cartpole_values

BOARD = ROOT / "deploy" / "grafana" / "seedcast.json"
PARTS = {"histogram": ("_bucket", "_sum", "_count"), "gauge": ("",), "counter": ("",)}
Scraped = tuple[set[str], str]
OF_PROMETHEUS = {"le"}


def expressions() -> Iterator[tuple[str, str]]:
    """Yield every panel's title and query."""
    for panel in json.loads(BOARD.read_text())["panels"]:
        assert panel["targets"]
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


def series(server: Server) -> Iterator[str]:
    """Yield the names that Prometheus can be asked for."""
    for line in server.http.get("/metrics").text.splitlines():
        if found := re.match(r"# TYPE (\S+) (\S+)", line):
            yield from (found[1] + part for part in PARTS.get(found[2], ()))


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scraped]:
    """The series' names of a master and a worker that have trained, and the text of both."""
    folder = tmp_path_factory.mktemp("scraped")
    with worker(folder) as one, master(folder, [one.url]) as server:
        wait_for_end(server, submit(server, cartpole_values() | {"stop": {"generations": 2}}))
        server.http.get("/nowhere")
        text = server.http.get("/metrics").text + one.http.get("/metrics").text
        yield {*series(server), *series(one)}, text


def test_every_metric_of_the_grafana_dashboard_exists(scraped: Scraped) -> None:
    asked = {(title, name) for title, query in expressions() for name in re.findall(r"seedcast_\w+", query)}
    assert len(asked) > 15
    assert not {(title, name) for title, name in asked if name not in scraped[0]}


def test_every_label_of_the_grafana_dashboard_exists_on_its_metric(scraped: Scraped) -> None:
    for title, query in expressions():
        [name, *_] = re.findall(r"seedcast_\w+", query)
        labels = {label for group in re.findall(r"by \(([^)]*)\)", query) for label in re.split(r", *", group)}
        labels |= set(re.findall(r"(\w+)=\"", query))
        known = set(re.findall(r"(\w+)=\"", "".join(re.findall(rf"^{name}\{{.*", scraped[1], re.MULTILINE))))
        if name == "seedcast_worker_failures_total":  # none has failed
            known.add("kind")
        assert labels <= known | OF_PROMETHEUS, (title, query)


def test_routes_are_named_as_the_document_has_them_and_unknown_paths_share_a_name(
    scraped: Scraped,
) -> None:
    routes = set(re.findall(r'request_seconds_count\{.*route="([^"]*)"', scraped[1]))
    assert {"/experiments", "/experiments/{experiment_id}", "/readyz", "none"} <= routes
    assert not [route for route in routes if "cartpole" in route]


def test_what_was_committed_is_counted(scraped: Scraped) -> None:
    assert "seedcast_master_generations_total 2.0" in scraped[1]
    assert 'seedcast_master_experiments{state="completed"} 1.0' in scraped[1]


def test_counters_end_in_total_and_names_carry_their_unit(scraped: Scraped) -> None:
    kinds: dict[str, Any] = dict(re.findall(r"# TYPE (\S+) (\S+)", scraped[1]))
    assert all(name.endswith("_total") == (kind == "counter") for name, kind in kinds.items())
    assert all(name.endswith("_seconds") for name, kind in kinds.items() if kind == "histogram")


def test_panels_do_not_overlap() -> None:
    places = [panel["gridPos"] for panel in json.loads(BOARD.read_text())["panels"]]
    cells = [
        (x, y) for p in places for x in range(p["x"], p["x"] + p["w"]) for y in range(p["y"], p["y"] + p["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
