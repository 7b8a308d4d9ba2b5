"""What a web page of another site can have a browser do: nothing. What programs and own pages do: all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from seedcast.shared.guard import JSON_TYPES, Guard, is_loopback, is_private
from seedcast.shared.problem_responses import install_problem_handlers

HOST = {"Host": "127.0.0.1:8000"}
JSON = {"Content-Type": "application/json"}


def client(**options: object) -> Iterator[TestClient]:
    app = FastAPI()
    install_problem_handlers(app)
    app.add_middleware(Guard, media_types=JSON_TYPES, **options)  # type: ignore[arg-type]

    @app.api_route("/thing", methods=["GET", "POST", "DELETE", "PATCH", "PUT"])
    def thing() -> str:
        return "done"

    with TestClient(app, base_url="http://127.0.0.1:8000") as made:
        yield made


@pytest.fixture
def guarded() -> Iterator[TestClient]:
    yield from client(hosts=["seedcast.example.com"])


@pytest.fixture
def with_token() -> Iterator[TestClient]:
    yield from client(any_host=True)


FOREIGN: list[dict[str, str]] = [
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "http://127.0.0.1:8001"},
    {"Origin": "http://127.0.0.1"},
    {"Origin": "http://127.0.0.1:8000.evil.example"},
    {"Origin": "http://[::1"},
    {"Origin": "file://127.0.0.1:8000"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "same-origin", "Origin": "http://evil.example"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1:8000"},
]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_a_page_of_another_site_changes_nothing(guarded: TestClient, method: str, headers: dict[str, str]) -> None:
    response = guarded.request(method, "/thing", headers=headers)
    assert response.status_code == 403
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://127.0.0.1:8000"},
        {"Origin": "http://127.0.0.1:8000", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Host": "localhost", "Origin": "http://localhost"},
        {"Host": "seedcast.example.com", "Origin": "https://seedcast.example.com"},
        {"Host": "seedcast.example.com:443", "Origin": "https://seedcast.example.com"},
        {"Host": "10.0.0.7:8000", "Origin": "https://seedcast.example.com"},  # a proxy that rewrites the host
        {"Host": "[::1]:8000", "Origin": "http://[::1]:8000"},
    ],
    ids=str,
)
def test_programs_and_own_pages_change_what_they_want(guarded: TestClient, headers: dict[str, str]) -> None:
    assert guarded.post("/thing", headers=headers).json() == "done"


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "[::1", "a b.c:x", ":8000"]
)
def test_without_a_token_a_strangers_name_is_answered_to_with_421(guarded: TestClient, host: str) -> None:
    for method in ("GET", "HEAD", "POST", "OPTIONS"):
        response = guarded.request(method, "/thing", headers={"Host": host})
        assert response.status_code == 421
        assert "done" not in response.text


def test_with_a_token_every_name_is_answered_to(with_token: TestClient) -> None:
    assert with_token.get("/thing", headers={"Host": "seedcast.evil.example"}).json() == "done"


@pytest.mark.parametrize(
    "media_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "",
        "text/html",
        "json",
    ],
)
def test_a_body_of_another_kind_is_refused_with_415(guarded: TestClient, media_type: str) -> None:
    headers = {"Content-Type": media_type} if media_type else {}
    response = guarded.post("/thing", content=b"{}", headers=headers)
    assert response.status_code == 415
    assert "application/json" in response.json()["detail"]


def test_a_body_in_pieces_needs_its_type_as_well(guarded: TestClient) -> None:
    assert guarded.post("/thing", content=iter([b"{", b"}"])).status_code == 415
    assert guarded.post("/thing", content=iter([b"{", b"}"]), headers=JSON).json() == "done"


@pytest.mark.parametrize("value", ["application/json", "Application/JSON ; charset=utf-8"])
def test_json_is_taken_however_it_is_spelt(guarded: TestClient, value: str) -> None:
    assert guarded.post("/thing", content=b"{}", headers={"Content-Type": value}).json() == "done"


def test_a_redirect_names_no_host(with_token: TestClient) -> None:
    headers = {"Host": "evil.example"}
    response = with_token.get("/thing/?a=1", headers=headers, follow_redirects=False)
    assert (response.status_code, response.headers["location"]) == (307, "/thing?a=1")


def test_every_answer_forbids_frames_guesses_and_foreign_use(guarded: TestClient) -> None:
    for response in (guarded.get("/thing"), guarded.get("/nowhere"), guarded.get("/", headers={"Host": "e.vil"})):
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["x-frame-options"] == "DENY"
        assert response.headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize(
    "host", ["localhost", "10.1.2.3", "::1", "seedcast-master", "m.seedcast.svc", "a.internal", "svc."]
)
def test_private_names_are_known(host: str) -> None:
    assert is_private(host)


@pytest.mark.parametrize(
    "host", ["example.com", "localhost.example.com", "mysvc.org", "svc.example", "x.notsvc", "", "."]
)
def test_public_names_are_known(host: str) -> None:
    assert not is_private(host)


def test_loopback_is_told_from_the_rest() -> None:
    assert all(map(is_loopback, ["127.0.0.1", "127.9.9.9", "::1", "localhost"]))
    assert not any(map(is_loopback, ["0.0.0.0", "::", "10.0.0.1", "example.com", ""]))  # noqa: S104
