"""Log lines, of real processes where they begin."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from seedcast.shared.logs import JsonLines, of_experiment
from tests.processes import PATIENCE, ROOT, master, submit, wait_for_end, worker
from tests.specs import cartpole_values

SERVERS = {
    "seedcast.services.master": "SEEDCAST_LOG_FORMAT",
    "seedcast.services.worker": "SEEDCAST_WORKER_LOG_FORMAT",
}


def check(module: str, form: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", module, "--check"],
        env={SERVERS[module]: form, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def record(message: str, **more: Any) -> logging.LogRecord:
    return logging.LogRecord("a", logging.ERROR, "f", 1, message, None, **{"exc_info": None, **more})


@pytest.mark.parametrize("module", SERVERS)
def test_a_server_in_a_cluster_logs_objects_with_a_severity(module: str) -> None:
    line = json.loads(check(module, "json").stdout)
    assert line["severity"] == "INFO"
    assert line["message"].startswith("the settings are valid")
    assert line["time"].endswith("+00:00")


def test_an_unknown_form_of_log_lines_ends_the_start_with_one_line() -> None:
    ended = check("seedcast.services.worker", "yaml")
    assert ended.returncode == 2
    assert ended.stderr == "seedcast-worker: SEEDCAST_WORKER_LOG_FORMAT: Input should be 'text' or 'json'\n"


def test_a_traceback_stays_in_the_one_line_of_its_error() -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError:
        text = JsonLines().format(record("unit failed", exc_info=sys.exc_info()))
    assert "\n" not in text
    line = json.loads(text)
    assert line["severity"] == "ERROR"
    assert line["message"].startswith("unit failed\nTraceback")
    assert line["message"].endswith("ValueError: two\nlines")


def test_a_line_names_the_experiment_that_it_is_about() -> None:
    lines = JsonLines()
    assert "experiment" not in json.loads(lines.format(record("x")))
    assert json.loads(of_experiment("one").run(lines.format, record("x")))["experiment"] == "one"


def test_a_run_logs_its_experiment_and_not_the_request_that_began_it(tmp_path: Path) -> None:
    with worker(tmp_path) as one, master(tmp_path, [one.url], SEEDCAST_LOG_FORMAT="json") as server:
        experiment = submit(server, cartpole_values() | {"stop": {"generations": 1}})
        wait_for_end(server, experiment)
        lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    [end] = [line for line in lines if "completed" in line["message"]]
    assert end["experiment"] == experiment
    assert "request" not in end


def test_an_answer_names_its_request_and_takes_the_clients_name_for_it(tmp_path: Path) -> None:
    with worker(tmp_path) as server:
        first, second = (server.http.get("/info").headers["x-request-id"] for _ in range(2))
        assert first != second
        assert server.http.get("/nothing").headers["x-request-id"]
        for given, taken in (("call-7", True), ("bad name", False), ("x" * 65, False)):
            named = server.http.get("/info", headers={"X-Request-ID": given}).headers["x-request-id"]
            assert (named == given) is taken
