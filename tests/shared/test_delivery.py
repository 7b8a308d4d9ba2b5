"""Compression, and answers that have not changed."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse, Response, StreamingResponse
from fastapi.testclient import TestClient

from seedcast.shared.delivery import Delivery, takes_gzip
from seedcast.shared.errors import NotFound
from seedcast.shared.problem_responses import install_problem_handlers

LONG = ["word"] * 50_000
HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def client() -> Iterator[TestClient]:
    app = FastAPI()
    install_problem_handlers(app)
    app.add_middleware(Delivery)
    app.add_api_route("/long", lambda: LONG)
    app.add_api_route("/short", lambda: [1])
    app.add_api_route("/model", lambda: Response(b"x" * 5000, media_type="application/octet-stream"))
    app.add_api_route("/packed", lambda: PlainTextResponse(b"x" * 5000, headers={"Content-Encoding": "br"}))
    app.add_api_route("/stream", lambda: StreamingResponse(iter([b"a" * 3000, b"b"]), media_type="text/plain"))
    app.add_api_route("/thing", lambda: "made", methods=["GET", "POST"])

    @app.get("/missing")
    def missing() -> None:
        raise NotFound("there is no <script>")

    with TestClient(app) as made:
        yield made


def test_a_long_answer_is_compressed_for_who_takes_it(client: TestClient) -> None:
    with client.stream("GET", "/long", headers={"Accept-Encoding": "gzip"}) as response:
        raw = b"".join(response.iter_raw())
    assert response.headers["content-encoding"] == "gzip"
    assert response.headers["vary"] == "Accept-Encoding"
    assert int(response.headers["content-length"]) == len(raw) < 10_000
    plain = client.get("/long", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert gzip.decompress(raw) == plain.content


@pytest.mark.parametrize("path", ["/short", "/model", "/stream"])
def test_what_is_short_binary_or_a_stream_is_sent_as_it_is(client: TestClient, path: str) -> None:
    assert "content-encoding" not in client.get(path, headers={"Accept-Encoding": "gzip"}).headers


def test_what_has_not_changed_is_not_sent_again(client: TestClient) -> None:
    first = client.get("/long")
    again = client.get("/long", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    other = client.get("/short", headers={"If-None-Match": first.headers["etag"]})
    assert other.json() == [1]
    assert "etag" not in client.post("/thing").headers


@pytest.mark.parametrize("path", ["/missing", "/nowhere"])
def test_a_browser_gets_a_page_about_what_went_wrong_and_a_program_json(client: TestClient, path: str) -> None:
    page = client.get(path, headers=HTML)
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    assert "<script>" not in page.text
    assert 'href="/"' in page.text
    assert "Accept" in page.headers["vary"]
    for headers in ({}, {"Accept": "*/*"}, {"Accept": "application/json"}):
        assert client.get(path, headers=headers).headers["content-type"] == "application/problem+json"


def test_allow_names_every_method_of_the_path(client: TestClient) -> None:
    response = client.delete("/thing")
    assert response.status_code == 405
    assert set(response.headers["allow"].split(", ")) >= {"GET", "POST"}


@pytest.mark.parametrize("header", ["gzip", "br, gzip;q=0.5", "*", "GZIP"])
def test_gzip_is_taken_when_it_is_named(header: str) -> None:
    assert takes_gzip(header)


@pytest.mark.parametrize("header", ["", "identity", "gzip;q=0", "br", "gzip;q=x", "*;q=0"])
def test_gzip_is_not_taken_when_it_is_not(header: str) -> None:
    assert not takes_gzip(header)
