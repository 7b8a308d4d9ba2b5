"""Server-sent events of a real master: complete, resumable, and harmless whoever reads them, or does not."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.processes import Server, eventually, master, submit, wait_for_end, wait_for_generation, worker
from tests.specs import cartpole_values

READERS = 200
Told = tuple[str, str, dict[str, Any]]
"""Id, kind and data of an event."""


def read(server: Server, experiment_id: str, last: str = "", query: str = "") -> Iterator[Told]:
    """Yield the events after one until the stream ends or nobody asks for more."""
    headers = {"Last-Event-ID": last} if last else {}
    with server.http.stream("GET", f"/experiments/{experiment_id}/events{query}", headers=headers) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        event: dict[str, str] = {}
        for line in response.iter_lines():
            name, _, value = line.partition(": ")
            if line and name:
                event[name] = value
            elif "data" in event:
                yield event.get("id", ""), event["event"], json.loads(event["data"])
                event = {}


def until_ended(events: Iterator[Told]) -> list[Told]:
    found = []
    for event in events:
        found.append(event)
        if event[1] == "status" and not event[2]["active"]:
            break
    return found


def test_every_generation_and_test_is_told_once_and_the_end_last(cluster: Server) -> None:
    experiment_id = submit(cluster, cartpole_values())
    told = until_ended(read(cluster, experiment_id))
    assert [data["generation"] for _, kind, data in told if kind == "generation"] == list(range(1, 7))
    assert [data["generation"] for _, kind, data in told if kind == "test"] == [3, 6]
    assert told[-1][1:] == ("status", told[-1][2])
    assert (told[-1][2]["status"], told[-1][2]["generation"]) == ("completed", 6)
    assert all("episode_returns" not in data for _, _, data in told)


def test_a_brief_reader_is_told_only_that_there_is_something_new(cluster: Server) -> None:
    experiment_id = submit(cluster, cartpole_values())
    wait_for_end(cluster, experiment_id)
    told = until_ended(read(cluster, experiment_id, query="?brief=true"))
    assert [(kind, data) for _, kind, data in told[:-1]] == [
        ("generation", {"generation": 6}),
        ("test", {"generation": 6}),
    ]
    assert told[-1][1] == "status"
    assert until_ended(read(cluster, experiment_id, told[0][0]))[0][1] == "test", (
        "its ids are those of all readers"
    )


def test_whoever_comes_back_misses_nothing_and_hears_nothing_twice(cluster: Server) -> None:
    experiment_id = submit(cluster, cartpole_values())
    wait_for_end(cluster, experiment_id)
    everything = until_ended(read(cluster, experiment_id))
    for place, (id_, _, _) in enumerate(everything[:-1]):
        assert until_ended(read(cluster, experiment_id, last=id_)) == everything[place + 1 :]


def test_a_deleted_experiment_ends_its_streams(cluster: Server) -> None:
    experiment_id = submit(cluster, cartpole_values() | {"stop": {"generations": 100_000}})
    kinds = []
    for _, kind, _ in read(cluster, experiment_id):
        if kind == "generation" and "generation" not in kinds:
            assert cluster.http.delete(f"/experiments/{experiment_id}?force=true").status_code == 204
        kinds.append(kind)
    assert kinds[-1] == "deleted"
    assert cluster.http.get(f"/experiments/{experiment_id}/events").status_code == 404


@pytest.mark.parametrize("id_", ["x", "1.2", "-1.0.", "1.1.zz"])
def test_what_is_no_id_of_an_event_is_refused(cluster: Server, id_: str) -> None:
    experiment_id = submit(cluster, cartpole_values() | {"stop": {"generations": 1}})
    answer = cluster.http.get(f"/experiments/{experiment_id}/events", headers={"Last-Event-ID": id_})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "Last-Event-ID"


@pytest.mark.slow
def test_readers_that_never_read_harm_neither_training_nor_memory_nor_the_end(tmp_path: Path) -> None:
    with ExitStack() as stack:
        there = stack.enter_context(worker(tmp_path))
        server = stack.enter_context(master(tmp_path, [there.url]))
        eventually(lambda: server.http.get("/workers").json()["workers"][0]["state"] == "ready")
        experiment_id = submit(server, cartpole_values() | {"stop": {"generations": 100_000}})
        wait_for_generation(server, experiment_id, 50)
        before = resident_bytes(server)
        for _ in range(READERS):
            stack.enter_context(deaf(server, experiment_id))
        begun = generation(server, experiment_id)
        wait_for_generation(server, experiment_id, begun + 300)
        # Less than the 64 KiB that a connection may hold, and as much again, for each of them.
        assert resident_bytes(server) - before < READERS * 2**17 + 32 * 2**20
        assert server.http.get(f"/experiments/{experiment_id}").status_code == 200
        server.stop()


def deaf(server: Server, experiment_id: str) -> socket.socket:
    """Ask for events, and never read."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", server.port))
    connection.sendall(f"GET /experiments/{experiment_id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return connection


def generation(server: Server, experiment_id: str) -> int:
    return int(server.http.get(f"/experiments/{experiment_id}").json()["generation"])


def resident_bytes(server: Server) -> int:
    fields = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in fields if line.startswith("VmRSS"))
