"""`make bench-history`: a run of 100,000 generations is looked at while another one trains.

Bars: shown in under 1 s, its extremes at a later look; the loop's lag p99 under 50 ms meanwhile; the other one at
95% of its pace at least.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sqlite3
import tempfile
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from seedcast.services.master.experiments.repository import ExperimentRepository
from seedcast.services.master.experiments.status import Status
from seedcast.services.master.storage.database import Database
from tests.master.records import evaluated, generation
from tests.processes import Server, eventually, master, submit, worker
from tests.specs import cartpole, cartpole_values

LONG = "long-run"
OTHER = cartpole_values() | {"stop": {"generations": 1_000_000}, "test": {"every": 1000}}
LOOKED_AT = (
    f"/experiments/{LONG}",
    f"/experiments/{LONG}/columns?most=2000",
    f"/experiments/{LONG}/generations?newest=true&limit=2",
    f"/experiments/{LONG}/evaluations?newest=true&limit=1",
    f"/experiments/{LONG}/artifacts",
)
"""What the dashboard's page of an experiment asks for."""
PAGES = tuple(f"/experiments/{LONG}/generations?after={after}&limit=1000" for after in range(0, 100_000, 10_000))


async def fill(path: Path, generations: int) -> None:
    """Make the long run: every generation's record, and a test after every tenth."""
    database = Database(path)
    repository = ExperimentRepository(database)
    await repository.add(LONG, cartpole(test={"every": 10, "episodes": 100}), None)
    for start in range(1, generations + 1, 10_000):
        numbers = range(start, min(start + 10_000, generations + 1))
        await database.write(partial(_insert, numbers=numbers))
    await repository.settle(LONG, Status.COMPLETED, "made up")
    await repository.note_files_exact(LONG)
    database.close()


def _insert(connection: sqlite3.Connection, numbers: range) -> None:
    rows = [(LONG, n, generation(n, sigma=0.1, speed=0.2).model_dump_json()) for n in numbers]
    tests = [(LONG, n, evaluated(n).model_dump_json()) for n in numbers if n % 10 == 0]
    connection.executemany("INSERT INTO generations VALUES (?, ?, ?)", rows)
    connection.executemany("INSERT INTO tests VALUES (?, ?, ?)", tests)


def look(server: Server, paths: tuple[str, ...]) -> float:
    """Ask for everything; return the seconds that it took."""
    begun = time.perf_counter()
    for path in paths:
        server.http.get(path).raise_for_status()
    return time.perf_counter() - begun


def until_extremes(server: Server) -> float:
    """Look again until the chart has its extremes; return the seconds that it took."""
    begun = time.perf_counter()
    eventually(lambda: server.http.get(LOOKED_AT[1]).json()["extremes"])
    return time.perf_counter() - begun


def buckets(server: Server) -> dict[float, float]:
    """Return the loop lag's histogram."""
    found = re.findall(r'loop_lag_seconds_bucket\{le="([^"]+)"\} ([\d.e+]+)', server.http.get("/metrics").text)
    return {float(le): float(count) for le, count in found}


def p99(before: dict[float, float], after: dict[float, float]) -> float:
    """Return the bucket's bound below which 99% of the lags between two looks lie, in seconds."""
    counts = {le: after[le] - before[le] for le in after}
    return min(le for le, count in counts.items() if count >= 0.99 * max(counts.values()))


def steps(server: Server, experiment_id: str, seconds: float) -> float:
    """Return the generations a second over a while."""
    path = f"/experiments/{experiment_id}"
    begun, first = time.perf_counter(), server.http.get(path).json()["generation"]
    time.sleep(seconds)
    last = server.http.get(path).json()["generation"]
    return float(last - first) / (time.perf_counter() - begun)


def run(folder: Path, generations: int, rounds: int) -> None:
    """Measure and print."""
    (folder / "data").mkdir()
    asyncio.run(fill(folder / "data" / "database" / "seedcast.db", generations))
    with ExitStack() as stack:
        server = stack.enter_context(master(folder, [stack.enter_context(worker(folder, slots=1)).url]))
        look(server, LOOKED_AT[:1])
        first = look(server, LOOKED_AT)
        whole = first + until_extremes(server)
        other = submit(server, OTHER)
        eventually(lambda: server.http.get(f"/experiments/{other}").json()["generation"] > 20)
        ratios, shown, lags = [], [], []
        for _ in range(rounds):
            alone = steps(server, other, 5.0)
            lag, path = buckets(server), f"/experiments/{other}"
            begun, before = time.perf_counter(), server.http.get(path).json()["generation"]
            while time.perf_counter() - begun < 5.0:  # somebody looks every two seconds, and pages on between
                shown.append(look(server, LOOKED_AT))
                look(server, PAGES[:2])
                time.sleep(2.0)
            watched = (server.http.get(path).json()["generation"] - before) / (time.perf_counter() - begun)
            lags.append(p99(lag, buckets(server)))
            ratios.append(watched / alone)
        server.http.post(f"/experiments/{other}/stop")
    ratios.sort()
    print(f"an experiment of {generations:,} generations, looked at while another one trains")
    print(f"  shown for the first time after {first:.2f} s, then after {max(shown):.2f} s at most  (bar: 1 s)")
    print(f"  its extremes are in after {whole:.2f} s")
    print(f"  loop lag p99 at most {1000 * max(lags):.0f} ms  (bar: 50 ms)")
    print(f"  the other's pace {ratios[len(ratios) // 2]:.1%} (median of {rounds})  (bar: 95%)")


def main() -> None:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--generations", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder), arguments.generations, arguments.rounds)


if __name__ == "__main__":
    main()
