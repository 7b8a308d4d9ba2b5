"""A master with a token, and one that was told to take a bad one."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from seedcast import Client
from seedcast.shared.errors import SeedcastError
from tests.deploy.applications import routes
from tests.processes import PATIENCE, Server, eventually, free_port, master, refused_start, worker
from tests.specs import cartpole, cartpole_values

TOKEN = "not-to-be-guessed~0123456789/+=="  # noqa: S105 - the tests' own
READER = "for-figures-and-nothing-else"
WRITER = "for-ann-who-may-change-things"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
OPEN = ("/livez", "/readyz", "/metrics")
PAGES = ("/", "/docs", "/openapi.json", "/dashboard/x", "/static/1/app.css", "/nowhere", "/livez/", "//livez")


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("guarded")
    with ExitStack() as stack:
        url = stack.enter_context(worker(folder)).url
        tokens = f"grafana:read:{READER},\nann:write:{WRITER}\n"
        # The newline is what a Secret made of a file ends with.
        yield stack.enter_context(master(folder, [url], SEEDCAST_TOKEN=f"{TOKEN}\n", SEEDCAST_TOKENS=tokens))


def assert_refused(response: httpx.Response) -> None:
    assert response.status_code == 401
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert (problem["title"], problem["status"]) == ("Unauthorised", 401)
    offered = response.headers.get_list("www-authenticate")
    assert [challenge.split()[0] for challenge in offered] == ["Basic", "Bearer"]
    assert TOKEN not in response.text


@pytest.mark.parametrize("path", sorted({*routes("master"), *PAGES} - {*OPEN}))
def test_everything_but_health_and_metrics_wants_the_token(guarded: Server, path: str) -> None:
    for method in ("GET", "HEAD", "POST", "DELETE", "OPTIONS"):
        response = guarded.http.request(method, f"{guarded.url}{path}")
        assert response.status_code == 401
        if method != "HEAD":
            assert_refused(response)


@pytest.mark.parametrize("path", OPEN)
def test_health_and_metrics_are_open(guarded: Server, path: str) -> None:
    assert guarded.http.get(path).status_code == 200


@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json", "/experiments", "/workers", "/autoscale"])
@pytest.mark.parametrize(
    "headers",
    [BEARER, {"Authorization": f"bearer  {TOKEN}"}, basic("anyone", TOKEN), basic("", TOKEN)],
    ids=["bearer", "lower case", "basic", "basic without a name"],
)
def test_the_token_opens_everything(guarded: Server, path: str, headers: dict[str, str]) -> None:
    assert guarded.http.get(path, headers=headers).status_code == 200


@pytest.mark.parametrize(
    "value",
    [
        "",
        TOKEN,
        "Bearer",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        f"Token {TOKEN}",
        "Bearer \xff\xfe",
        "Basic",
        "Basic %%%",
        "Basic \xff",
        basic(TOKEN, "")["Authorization"],
        basic("", f"{TOKEN}:")["Authorization"],
        "Basic " + base64.b64encode(TOKEN.encode()).decode(),
    ],
)
def test_anything_else_is_refused(guarded: Server, value: str) -> None:
    assert_refused(guarded.http.get("/experiments", headers={b"Authorization": value.encode("latin-1")}))


@pytest.mark.parametrize(
    ("page", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),  # over plain HTTP no browser says which site it is
        ({"Sec-Fetch-Site": "same-origin"}, 404),
    ],
    ids=str,
)
def test_another_sites_page_stops_nothing_with_the_password_that_a_browser_remembers(
    guarded: Server, page: dict[str, str], status: int
) -> None:
    headers = basic("anyone", TOKEN) | page
    assert guarded.http.post("/experiments/none/stop", headers=headers).status_code == status
    assert guarded.http.get("/experiments", headers=headers).status_code == 200


def test_a_token_to_read_with_changes_nothing(guarded: Server) -> None:
    for headers in ({"Authorization": f"Bearer {READER}"}, basic("anyone", READER)):
        assert guarded.http.get("/experiments", headers=headers).status_code == 200
        for method, path in (
            ("POST", "/experiments"),
            ("POST", "/experiments/x/stop"),
            ("DELETE", "/experiments/x"),
        ):
            response = guarded.http.request(method, path, headers=headers)
            assert response.status_code == 403
            assert "'grafana' is for reading only" in response.json()["detail"]


def test_each_of_several_tokens_opens(guarded: Server) -> None:
    for token in (TOKEN, WRITER):
        response = guarded.http.post("/experiments/none/stop", headers={"Authorization": f"Bearer {token}"})
        assert response.status_code == 404
    assert_refused(guarded.http.get("/experiments", headers={"Authorization": f"Bearer ann:write:{WRITER}"}))


@pytest.mark.slow
def test_a_worker_with_a_secret_works_for_who_has_it_alone(tmp_path: Path) -> None:
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    with (
        worker(tmp_path, SEEDCAST_WORKER_SECRET=WRITER) as guarded,
        master(tmp_path, [guarded.url], SEEDCAST_WORKER_SECRET=WRITER) as its_master,
        master(stranger, [guarded.url], SEEDCAST_WORKER_SECRET=READER) as another,
    ):
        spec = cartpole_values() | {"stop": {"generations": 1}}
        path = f"/experiments/{its_master.http.post('/experiments', json=spec).json()['id']}"
        eventually(lambda: its_master.http.get(path).json()["status"] == "completed")
        for method, route in (("GET", "/info"), ("POST", "/rollouts"), ("POST", "/environments/describe")):
            assert_refused(guarded.http.request(method, route))
        assert guarded.http.get("/readyz").status_code == guarded.http.get("/metrics").status_code == 200
        (row,) = another.http.get("/workers").json()["workers"]
        assert row["state"] != "ready"
        assert "401" in row["last_error"]
        assert WRITER not in guarded.log.read_text() + its_master.log.read_text()


@pytest.mark.parametrize(
    ("module", "prefix"), [("seedcast.services.master", ""), ("seedcast.services.worker", "WORKER_")]
)
def test_a_server_without_a_token_is_not_for_others_unless_it_is_told_so(
    module: str, prefix: str, tmp_path: Path
) -> None:
    settings = {f"SEEDCAST_{prefix}HOST": "0.0.0.0", f"SEEDCAST_{prefix}PORT": "0", "SEEDCAST_DATA": str(tmp_path)}  # noqa: S104
    done = started(module, settings)
    assert done.returncode == 2
    assert f"SEEDCAST_{prefix}ALLOW_ANONYMOUS" in done.stderr
    port = free_port()
    told = settings | {f"SEEDCAST_{prefix}ALLOW_ANONYMOUS": "true", f"SEEDCAST_{prefix}PORT": str(port)}
    with Server(module, told, port, tmp_path / "log") as server:
        assert server.http.get("/livez").is_success


@pytest.mark.parametrize(
    "tokens", ["", "ann", "ann:admin:" + "x" * 20, "ann:read:short", f"ann:read:{'x' * 20} ann:write:{'y' * 20}"]
)
def test_tokens_that_are_none_stop_the_start_and_are_not_shown(tokens: str, tmp_path: Path) -> None:
    done = started("seedcast.services.master", {"SEEDCAST_TOKENS": tokens, "SEEDCAST_DATA": str(tmp_path)})
    assert done.returncode == 2
    assert done.stderr.startswith("seedcast-master: SEEDCAST_TOKENS: ")
    assert "xxxx" not in done.stdout + done.stderr
    assert ":short" not in done.stdout + done.stderr


def started(module: str, settings: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a server that should not start."""
    return refused_start(module, {"SEEDCAST_PORT": "0"} | settings)


def test_what_was_trained_is_behind_it(guarded: Server) -> None:
    with httpx.Client(base_url=guarded.url, headers=BEARER, timeout=PATIENCE, trust_env=False) as client:
        spec = cartpole_values() | {"stop": {"generations": 1}}
        path = f"/experiments/{client.post('/experiments', json=spec).json()['id']}"
        eventually(lambda: client.get(path).json()["status"] == "completed")
        assert client.get(f"{path}/artifacts/best_model.npz").content
    assert_refused(guarded.http.get(f"{path}/artifacts/best_model.npz"))


def test_the_command_line_sends_the_token_of_its_environment(
    guarded: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEEDCAST_TOKEN", TOKEN)
    submitted = Client(guarded.url).submit(cartpole(stop={"generations": 1}))
    assert Client(guarded.url).experiment(submitted.id).spec == submitted.spec
    for wrong in ("another-token-than-that", "", "ungültig"):
        monkeypatch.setenv("SEEDCAST_TOKEN", wrong)
        with pytest.raises(SeedcastError, match="token"):
            Client(guarded.url).experiments()


def test_the_log_does_not_hold_the_token(guarded: Server) -> None:
    assert guarded.http.get("/experiments", headers=BEARER).is_success
    assert TOKEN not in guarded.log.read_text()


@pytest.mark.parametrize(
    "token", ["", "short", "fifteen-letters", "with a blank in it", "ümlaute-and-more-ümlaute"]
)
def test_a_token_that_protects_nothing_stops_the_start_and_is_not_shown(token: str, tmp_path: Path) -> None:
    done = started("seedcast.services.master", {"SEEDCAST_TOKEN": token, "SEEDCAST_DATA": str(tmp_path / "data")})
    assert done.returncode == 2
    assert "SEEDCAST_TOKEN" in done.stderr
    assert not token or token not in done.stdout + done.stderr
