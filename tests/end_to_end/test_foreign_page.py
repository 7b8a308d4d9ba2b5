"""A page of another site, in a real browser, against a master and a worker without tokens."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.end_to_end.pages import CHROMIUM, IN_CHROMIUM
from tests.processes import PATIENCE, Server, master, worker
from tests.specs import cartpole_values

pytestmark = IN_CHROMIUM

PAGE = """<!doctype html><title>harmless</title><iframe name="sink"></iframe><script>
const spec = %(spec)s;
const form = (action, fields) => {
  const made = document.createElement("form");
  Object.assign(made, {method: "POST", action, target: "sink", enctype: "text/plain"});
  for (const [name, value] of Object.entries(fields)) {
    const input = document.createElement("input");
    Object.assign(input, {type: "hidden", name, value});
    made.append(input);
  }
  document.body.append(made);
  made.submit();
};
const send = (url, options) => fetch(url, {method: "POST", mode: "no-cors", ...options}).catch(() => {});
(async () => {
  const master = "%(master)s", told = [];
  await send(master + "/experiments", {body: spec, headers: {"Content-Type": "text/plain"}});
  await send(master + "/experiments", {body: new Blob([spec])});
  await send(master + "/experiments", {body: new URLSearchParams({"": spec})});
  await send(master + "/experiments", {body: spec, mode: "cors", headers: {"Content-Type": "application/json"}});
  navigator.sendBeacon(master + "/experiments", spec);
  for (const id of %(ids)s) await send(master + "/experiments/" + id + "/stop", {});
  await send("%(worker)s/rollouts", {body: "{}"});
  form(master + "/experiments", {[spec.slice(0, -1) + ', "tags": {"a": "']: '"}}'});
  for (const path of ["/experiments", "/openapi.json", "/workers"])
    told.push(await fetch(master + path).then((answer) => answer.text(), () => "unreadable"));
  await new Promise((done) => setTimeout(done, 500));
  await fetch("/told", {method: "POST", body: JSON.stringify(told)});
})();
</script>"""


class Foreign(ThreadingHTTPServer):
    """The other site; remembers what its page tells it."""

    page: str = ""
    told: str = ""


class Handler(BaseHTTPRequestHandler):
    server: Foreign

    def do_GET(self) -> None:
        self._answer(self.server.page.encode())

    def do_POST(self) -> None:
        self.server.told = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self._answer(b"")

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class named it
        """Say nothing."""


@contextmanager
def foreign_site() -> Iterator[Foreign]:
    with Foreign(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def browse(url: str, profile: Path) -> None:
    """Open a page for a while; evil.example is a name of this machine, as a rebinding stranger would have it."""
    assert CHROMIUM is not None, "CI has to install Chromium"
    rules = "MAP evil.example 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
    command += ["--disable-background-networking", f"--host-resolver-rules={rules}", f"--user-data-dir={profile}"]
    command += ["--virtual-time-budget=8000", "--dump-dom", url]
    subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1"])
def test_a_page_of_another_site_starts_stops_and_reads_nothing(host: str, tmp_path: Path) -> None:
    with foreign_site() as site, worker(tmp_path) as one, master(tmp_path, ["http://127.0.0.1:9"]) as server:
        experiment_id = server.http.post("/experiments", json=cartpole_values()).json()["id"]
        site.page = page(server, one, experiment_id)
        browse(f"http://{host}:{site.server_port}/", tmp_path / "profile")
        assert json.loads(site.told) == ["unreadable"] * 3  # and so the page has run to its end
        (experiment,) = server.http.get("/experiments").json()["experiments"]
        assert (experiment["id"], experiment["status"]) == (experiment_id, "waiting for workers")


def test_a_name_that_a_stranger_made_lead_here_reads_nothing(tmp_path: Path) -> None:
    with master(tmp_path, ["http://127.0.0.1:9"]) as server:
        own = server.http.get("/").text
        profile = tmp_path / "profile"
        assert CHROMIUM is not None, "CI has to install Chromium"
        command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
        command += ["--host-resolver-rules=MAP evil.example 127.0.0.1", f"--user-data-dir={profile}", "--dump-dom"]
        command.append(f"http://evil.example:{server.port}/experiments")
        dom = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE).stdout
        assert "Misdirected" in dom
        assert '"experiments"' not in dom
        assert "experiments" in own.lower()


def page(server: Server, one: Server, experiment_id: str) -> str:
    """Return the page that tries everything a page can send."""
    values = {"spec": json.dumps(json.dumps(cartpole_values())), "ids": json.dumps([experiment_id])}
    return PAGE % (values | {"master": server.url, "worker": one.url})
