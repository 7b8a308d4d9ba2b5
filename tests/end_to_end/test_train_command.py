"""`seedcast train` and the servers' own start-up, as a user sees them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import yaml

from tests.processes import PATIENCE, eventually, free_port, master, refused_start, submit
from tests.specs import cartpole_values

SEEDCAST = Path(sys.executable).with_name("seedcast")
HTTP = httpx.Client(timeout=PATIENCE, trust_env=False)
"""For all requests: to make one costs more than to send one."""


def start(folder: Path, port: int, *options: str, workers: int = 1, **stop: object) -> subprocess.Popen[str]:
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump(cartpole_values() | {"stop": stop}))
    command = [str(SEEDCAST), "train", str(config), "-n", str(workers), "--port", str(port)]
    command += ["--data", str(folder / "runs"), *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def generation(port: int) -> int:
    try:
        rows = HTTP.get(f"http://127.0.0.1:{port}/experiments").json()["experiments"]
    except httpx.HTTPError:
        return 0
    return max((int(row["generation"]) for row in rows), default=0)


def descendants(pid: int) -> set[int]:
    found: set[int] = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            child = int(path.parent.name)
            found |= {child} | descendants(child)
    return found


def alive(pids: set[int]) -> set[int]:
    return {pid for pid in pids if Path(f"/proc/{pid}").exists()}


def test_ctrl_c_stops_everything_and_the_same_command_resumes(tmp_path: Path) -> None:
    port = free_port()
    process = start(tmp_path, port, workers=2, generations=100_000)
    eventually(lambda: generation(port) >= 3)
    children = descendants(process.pid)
    assert len(children) >= 5  # a master, two workers, a slot each
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "the same command resumes it" in output
    eventually(lambda: not alive(children))  # whoever ends last is buried by the system
    again = start(tmp_path, port, generations=100_000)
    resumed_at = eventually(lambda: generation(port))
    assert resumed_at >= 3
    eventually(lambda: generation(port) > resumed_at)
    again.send_signal(signal.SIGINT)
    output, _ = again.communicate(timeout=PATIENCE)
    assert "resuming cartpole-" in output


@pytest.mark.slow
def test_a_run_says_where_everything_is_and_its_specification_is_not_trained_again_unless_asked_to(
    tmp_path: Path,
) -> None:
    port = free_port()
    process = start(tmp_path, port, generations=2)
    first, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors
    assert "completed: all 2 generations done" in first
    assert (Path(first.rpartition("artifacts: ")[2].partition("\n")[0]) / "best_model.npz").exists()
    serve = f"look again: seedcast serve --data {tmp_path / 'runs'} --port {port}, then http://127.0.0.1:{port}/"
    assert serve in "".join(first.splitlines())
    second, said = start(tmp_path, port, "--json", generations=2).communicate(timeout=PATIENCE)
    assert "has been trained" in said
    experiment = json.loads(second)
    assert (experiment["status"], experiment["generation"]) == ("completed", 2)
    runs = tmp_path / "runs" / "experiments"
    assert [one.name for one in runs.iterdir()] == [experiment["id"]]
    third, _ = start(tmp_path, port, "--again", generations=2).communicate(timeout=PATIENCE)
    assert "completed" in third
    assert len(list(runs.iterdir())) == 2


def test_killing_the_command_leaves_no_server_behind(tmp_path: Path) -> None:
    port = free_port()
    process = start(tmp_path, port, generations=100_000)
    eventually(lambda: generation(port) >= 1)
    children = descendants(process.pid)
    process.kill()
    process.communicate()
    eventually(lambda: not alive(children))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"SEEDCAST_PORT": "70000"}, "SEEDCAST_PORT: "),
        ({"SEEDCAST_WORKERS": "nonsense"}, "SEEDCAST_WORKERS: 'nonsense' is neither"),
        ({"SEEDCAST_DATA": "/proc/nowhere"}, "the data folder /proc/nowhere cannot be written"),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(settings: dict[str, str], message: str, tmp_path: Path) -> None:
    values = {"SEEDCAST_PORT": "0", "SEEDCAST_DATA": str(tmp_path)} | settings
    done = refused_start("seedcast.services.master", values)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_data_folder_in_use_by_another_master_is_refused(tmp_path: Path) -> None:
    with master(tmp_path, []) as first:
        values = {"SEEDCAST_PORT": "0", "SEEDCAST_DATA": str(tmp_path / "data")}
        done = refused_start("seedcast.services.master", values)
        assert done.returncode == 2
        assert f"in use by another master (pid {first.process.pid})" in done.stderr


def test_a_port_that_is_taken_is_named_in_one_line_and_who_has_it_is_left_alone(tmp_path: Path) -> None:
    with master(tmp_path, []) as other:
        experiment_id = submit(other, cartpole_values())
        process = start(tmp_path, other.port, generations=1)
        _, errors = process.communicate(timeout=PATIENCE)
        assert process.returncode == 2
        assert f"cannot listen on 127.0.0.1:{other.port}: Address already in use" in errors
        assert len(errors.splitlines()) == 1
        experiments = other.http.get("/experiments").json()["experiments"]
        assert [(row["id"], row["status"]) for row in experiments] == [(experiment_id, "waiting for workers")]
