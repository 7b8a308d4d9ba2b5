"""What those who operate a master see: the workers, the metrics, the autoscaler's plan."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from seedcast.shared.protocol import PROTOCOL_VERSION
from tests.processes import Server, eventually, free_port, master, submit, wait_for_end, worker
from tests.specs import cartpole_values

ENDLESS = cartpole_values() | {"stop": {"generations": 1_000_000}}


def rows(server: Server) -> dict[str, dict[str, Any]]:
    """Return the workers by address."""
    return {row["url"]: row for row in server.http.get("/workers").json()["workers"]}


def metrics(server: Server) -> dict[str, float]:
    """Return all series with their values."""
    lines = server.http.get("/metrics").text.splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if line[0] != "#"}


def test_workers_are_shown_with_what_they_do_and_so_are_they_as_metrics(tmp_path: Path) -> None:
    absent = f"http://127.0.0.1:{free_port()}"
    settings = {"SEEDCAST_AUTOSCALE_HOLD_SECONDS": "0", "SEEDCAST_AUTOSCALE_ROLLOUTS_PER_SLOT": "8"}
    with (
        worker(tmp_path, slots=2, SEEDCAST_WORKER_FINGERPRINT="machine-7") as present,
        master(tmp_path, [present.url, absent], **settings) as server,
    ):
        eventually(lambda: rows(server)[present.url]["state"] == "ready")
        assert server.http.get("/autoscale").json()["desired_workers"] == 0
        experiment = submit(server, ENDLESS)
        row = eventually(lambda: rows(server)[present.url]["units_per_second"] and rows(server)[present.url])
        assert row["info"]["fingerprint"] == "machine-7"
        assert row["info"]["protocol"] == PROTOCOL_VERSION
        assert row["info"]["cpu"]
        assert row["info"]["version"]
        assert row["steps_per_second"] > row["units_per_second"] > 0
        assert 1 <= row["allowance"] <= 3
        assert row["placement"]
        assert (row["failures"], row["resting_seconds"], row["not_used_by"]) == (0, 0.0, [])
        away = eventually(lambda: rows(server)[absent]["last_error"] and rows(server)[absent])
        assert (away["state"], away["units_per_second"], away["info"]) == ("starting", 0, None)

        seen = metrics(server)
        label = f'{{worker="{present.url}"}}'
        assert seen[f"seedcast_master_worker_units_total{label}"] >= row["units"]
        assert seen[f"seedcast_master_worker_environment_steps_total{label}"] >= row["environment_steps"]
        assert seen[f"seedcast_master_worker_slots{label}"] == 2
        assert seen[f"seedcast_master_worker_steps_per_second{label}"] > 0
        assert any("worker_info" in name and 'fingerprint="machine-7"' in name for name in seen)
        assert {
            f"seedcast_master_{name}_total" for name in ("hedges", "late_replies", "unequal_duplicates")
        } <= set(seen)

        plan = server.http.get("/autoscale").json()
        assert plan["desired_workers"] == 2  # 16 members of 2 episodes, 8 a slot, 2 slots a worker
        assert experiment in plan["reason"]
        assert seen["seedcast_master_desired_workers"] == 2
        server.http.post(f"/experiments/{experiment}/stop")
        wait_for_end(server, experiment)
        assert server.http.get("/autoscale").json()["desired_workers"] == 0
        assert metrics(server)["seedcast_master_desired_workers"] == 0


def test_a_worker_of_another_protocol_version_is_refused_with_both_versions_named(tmp_path: Path) -> None:
    full = {"protocol": 99, "version": "9.0", "slots": 1, "cpu": "c", "fingerprint": "f"}
    for info in (full | {"environments": [], "policies": []}, {"protocol": 99, "name": "all is different"}):
        with answering(info) as url, master(tmp_path, [url]) as server:
            row = eventually(lambda: rows(server)[url]["state"] == "refused" and rows(server)[url])
            assert "99" in row["last_error"]
            assert str(PROTOCOL_VERSION) in row["last_error"]


def test_a_workers_figures_are_metrics_by_its_address_and_have_their_units_described(cluster: Server) -> None:
    shown = metrics(cluster)
    assert all(f'seedcast_master_worker_slots{{worker="{url}"}}' in shown for url in rows(cluster))
    document = cluster.http.get("/openapi.json").json()["components"]["schemas"]["WorkerView"]["properties"]
    described = [name for name, schema in document.items() if "description" in schema]
    assert {"units_per_second", "steps_per_second", "resting_seconds", "slowness"} <= set(described)


@contextmanager
def answering(info: dict[str, Any]) -> Iterator[str]:
    """Serve a description of a worker, to whatever is asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(info).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
