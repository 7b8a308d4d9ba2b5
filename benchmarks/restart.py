"""`make bench-restart`: how long it takes a new master until each of many experiments has made a generation.

The bar: 100 tiny experiments, all with a new generation within 15 s on 2 cores. Beside it: stopping all at once.
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.processes import Server, eventually, master, submit, worker
from tests.specs import cartpole_values

BAR_SECONDS = 15.0
TINY = cartpole_values() | {
    "population_size": 4,
    "episodes_per_member": 1,
    "environment": {"id": "CartPole-v1", "max_episode_steps": 50},
    "test": {"every": 5, "episodes": 2},
    "stop": {"generations": 1_000_000},
}


def generations(server: Server) -> dict[str, int]:
    """Return how many generations each active experiment has committed."""
    rows: list[dict[str, Any]] = server.http.get("/experiments?limit=1000").json()["experiments"]
    return {row["id"]: row["generation"] for row in rows if row["active"]}


def run(folder: Path, experiments: int) -> tuple[float, float, float]:
    """Return the seconds until the first and until the last has a new generation, and those of stopping all."""
    with ExitStack() as stack:
        urls = [stack.enter_context(worker(folder, slots=2)).url]
        with master(folder, urls) as first:
            for number in range(experiments):
                submit(first, TINY | {"seed": number, "name": f"tiny-{number}"})
            eventually(lambda: min(generations(first).values()) >= 2, 600)
            first.kill()
            before = _committed(folder)
        begun = time.perf_counter()
        second = stack.enter_context(master(folder, urls))
        earliest = None
        while True:
            made = {one: count for one, count in generations(second).items() if count > before[one]}
            if made and earliest is None:
                earliest = time.perf_counter() - begun
            if len(made) == experiments:
                break
            time.sleep(0.1)
        latest = time.perf_counter() - begun
        begun = time.perf_counter()
        with ThreadPoolExecutor(experiments) as threads:
            replies = list(threads.map(lambda one: second.http.post(f"/experiments/{one}/stop"), list(before)))
        if not all(reply.is_success for reply in replies) or generations(second):
            raise SystemExit("not all were stopped")
        return earliest or latest, latest, time.perf_counter() - begun


def _committed(folder: Path) -> dict[str, int]:
    """Return what a killed master has committed, read as any outsider would."""
    connection = sqlite3.connect(folder / "data" / "database" / "seedcast.db")
    rows = connection.execute("SELECT id, generation FROM experiments").fetchall()
    connection.close()
    return dict(rows)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiments", type=int, default=100)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        first, last, stopped = run(Path(folder), arguments.experiments)
    print(f"{arguments.experiments} experiments resumed by a new master, counted from the start of its process")
    print(f"  the first has a new generation after {first:6.1f} s")
    print(f"  the last  has a new generation after {last:6.1f} s  (bar: {BAR_SECONDS:g} s)")
    print(f"  all stopped at once within           {stopped:6.1f} s")


if __name__ == "__main__":
    main()
