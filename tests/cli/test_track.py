"""`seedcast track` into the real libraries' own files, without a network; they are read back by the libraries."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mlflow.tracking import MlflowClient
from tensorboardX.crc32c import crc32c
from tensorboardX.proto.event_pb2 import Event
from wandb.proto.wandb_internal_pb2 import Record  # type: ignore[attr-defined]

from seedcast import Client
from seedcast.services.master.storage.records import GenerationRecord
from seedcast.shared.errors import InvalidInput
from seedcast.tracking import follow
from tests.cli.test_specs import seedcast
from tests.processes import Server, submit, wait_for_end
from tests.specs import cartpole_values

GENERATIONS = 6
TESTED = [3, 6]


@pytest.fixture(scope="module")
def ended(cluster: Server) -> str:
    """An experiment of six generations, completed."""
    experiment = submit(cluster, cartpole_values() | {"stop": {"generations": GENERATIONS}})
    wait_for_end(cluster, experiment)
    return experiment


@pytest.fixture(scope="module")
def records(cluster: Server, ended: str) -> list[GenerationRecord]:
    with Client(cluster.url) as client:
        return client.generations(ended)


def track(server: Server, experiment: str, to: str, folder: Path, **variables: str) -> None:
    done = seedcast(
        "track", experiment, "--to", to, "--state", str(folder / "state"), SEEDCAST_URL=server.url, **variables
    )
    assert done.returncode == 0, done.stderr
    assert "completed, generation 6" in done.stdout


def scalars(folder: Path) -> Iterator[tuple[str, int, float]]:
    """Yield tag, step and value of every scalar in TensorBoard's event files, whose checksums are right."""
    for file in sorted(folder.glob("events.out.tfevents.*")):
        data = file.read_bytes()
        while data:
            size = int.from_bytes(data[:8], "little")
            record, check = data[12 : 12 + size], int.from_bytes(data[12 + size : 16 + size], "little")
            crc = crc32c(record)
            assert ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF == check
            event = Event.FromString(record)
            for value in event.summary.value:
                if value.HasField("simple_value"):
                    yield value.tag, event.step, value.simple_value
            data = data[16 + size :]


def test_tensorboard_gets_every_figure_of_every_generation_once_also_if_asked_twice(
    cluster: Server, ended: str, records: list[GenerationRecord], tmp_path: Path
) -> None:
    for _ in range(2):
        track(cluster, ended, f"tensorboard:{tmp_path / 'tb'}", tmp_path)
    written = list(scalars(tmp_path / "tb" / ended))
    means = [(step, value) for tag, step, value in written if tag == "returns/mean"]
    assert [step for step, _ in means] == [one.generation for one in records]
    assert dict(means) == pytest.approx({one.generation: one.returns.mean for one in records})
    assert [step for tag, step, _ in written if tag == "test/returns/mean"] == TESTED
    tags = {tag for tag, _, _ in written}
    assert {
        "environment_steps",
        "movement/update_norm",
        *(f"strategy/{name}" for name in records[0].strategy),
    } <= tags


def test_mlflow_gets_one_run_with_parameters_history_and_how_it_ended(
    cluster: Server, ended: str, records: list[GenerationRecord], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    uri = (tmp_path / "mlflow").as_uri()
    for _ in range(2):
        track(cluster, ended, f"mlflow:{uri}", tmp_path, MLFLOW_DISABLE_TELEMETRY="true")
    client = MlflowClient(tracking_uri=uri)
    home = client.get_experiment_by_name("seedcast")
    assert home is not None
    [run] = client.search_runs([home.experiment_id])
    assert (run.info.run_name, run.info.status) == (ended, "FINISHED")
    assert run.data.params["strategy.name"] == "pgpe"
    assert run.data.params["population_size"] == "16"
    history = client.get_metric_history(run.info.run_id, "returns/mean")
    assert [(one.step, one.value) for one in history] == [(one.generation, one.returns.mean) for one in records]
    tests = client.get_metric_history(run.info.run_id, "test/returns/mean")
    assert [one.step for one in tests] == TESTED


def wandb_history(file: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a W&B run's file, which is laid out as a LevelDB log: chunks in blocks of 32 KiB."""
    data, at, whole = file.read_bytes(), 7, b""
    assert data[:4] == b":W&B"
    while at + 7 <= len(data):
        if 32_768 - at % 32_768 < 7:  # the rest of a block holds no header
            at += 32_768 - at % 32_768
            continue
        size, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        whole, at = whole + data[at + 7 : at + 7 + size], at + 7 + size
        if kind in (1, 4):  # full, or last
            record, whole = Record.FromString(whole), b""
            if record.WhichOneof("record_type") == "history":
                yield {
                    "/".join(one.nested_key) or one.key: json.loads(one.value_json) for one in record.history.item
                }


def test_weights_and_biases_gets_a_run_offline(
    cluster: Server, ended: str, records: list[GenerationRecord], tmp_path: Path
) -> None:
    track(cluster, ended, "wandb:seedcast", tmp_path, WANDB_MODE="offline", WANDB_DIR=str(tmp_path))
    [file] = (tmp_path / "wandb").glob(f"offline-run-*/run-{ended}.wandb")
    rows = list(wandb_history(file))
    means = [(row["generation"], row["returns/mean"]) for row in rows if "returns/mean" in row]
    assert means == [(one.generation, one.returns.mean) for one in records]
    assert [row["generation"] for row in rows if "test/returns/mean" in row] == TESTED


class Interrupted:
    """A sink that is killed at its third figure, once."""

    def __init__(self) -> None:
        self.got: list[int] = []
        self.ends: list[bool] = []
        self.broken = True

    def begin(self, experiment: object) -> None:
        assert experiment

    def write(self, generation: int, figures: object, at: float) -> None:
        assert figures
        assert at > 1e9
        if len(self.got) == 2 and self.broken:
            self.broken = False
            raise KeyboardInterrupt
        self.got.append(generation)

    def end(self, experiment: object) -> None:
        self.ends.append(experiment is not None)


def test_tracking_goes_on_where_it_was_interrupted(cluster: Server, ended: str, tmp_path: Path) -> None:
    sink, position = Interrupted(), tmp_path / "state" / "position"
    with Client(cluster.url) as client:
        with pytest.raises(KeyboardInterrupt):
            follow(client, ended, sink, position)
        assert follow(client, ended, sink, position).generation == GENERATIONS
    assert sorted(sink.got) == sorted([*range(1, GENERATIONS + 1), *TESTED])
    assert sink.ends == [False, True]


class Refused(Interrupted):
    """A sink of one's own that cannot be opened."""

    def begin(self, _experiment: object) -> None:
        raise ConnectionError("nobody is there")


def test_a_sink_of_ones_own_that_cannot_be_opened_says_so(cluster: Server, ended: str) -> None:
    with Client(cluster.url) as client, pytest.raises(InvalidInput, match=r"sink: .*: nobody is there"):
        follow(client, ended, Refused())


def test_a_place_that_the_library_refuses_is_one_line(cluster: Server, ended: str, tmp_path: Path) -> None:
    for to, variables in (("mlflow:bad://x", {}), ("wandb:x", {"WANDB_API_KEY": "", "HOME": str(tmp_path)})):
        state = str(tmp_path / "state")
        done = seedcast("track", ended, "--to", to, "--state", state, SEEDCAST_URL=cluster.url, **variables)
        assert done.returncode == 2, done.stderr
        last = done.stderr.splitlines()[-1]
        assert last.startswith("seedcast: --to: cannot be opened: "), "what the library itself says comes before"


def test_a_place_that_is_none_and_a_library_that_is_missing_are_one_line(tmp_path: Path) -> None:
    for to in ("excel:x", "mlflow", "mlflow:"):
        done = seedcast("track", "x", "--to", to)
        assert done.returncode == 2
        assert "--to" in done.stderr
    (tmp_path / "tensorboardX.py").write_text("raise ImportError\n")
    done = seedcast("track", "x", "--to", f"tensorboard:{tmp_path}", PYTHONPATH=str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "seedcast: --to: needs the package tensorboardX: pip install 'seedcast[tensorboard]'"
    ]
