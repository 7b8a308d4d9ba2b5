"""`python -m benchmarks.slots`: what it costs to start a worker's slots, to replace one, and to hold them.

A table of workers of some sizes. Of a slot that is killed: until its replacement is ready, the median of some.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.api import below
from benchmarks.memory import proportional_bytes
from tests.processes import Server, worker

HEAD = """\
| slots | start: s | CPU s | replace one: s | CPU s | memory, MiB | for each more slot |
| ---: | ---: | ---: | ---: | ---: | ---: | ---: |"""


def main() -> None:
    """Print a line for each worker."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slots", type=int, nargs="+", default=[1, 2, 8])
    parser.add_argument("--deaths", type=int, default=5, help="slots that are killed, one after another")
    arguments = parser.parse_args()
    print(HEAD)
    before: tuple[int, float] | None = None
    with tempfile.TemporaryDirectory() as folder:
        for slots in arguments.slots:
            begun = time.monotonic()
            with worker(Path(folder), slots=slots) as server:
                seconds, cpu = time.monotonic() - begun, sum(cpu_taken(server).values())
                memory = proportional_bytes(server.process.pid) / 2**20
                deaths = [replace_one(server, death) for death in range(1, arguments.deaths + 1)]
            wall, of_one = (statistics.median(column) for column in zip(*deaths, strict=True))
            more = f"{(memory - before[1]) / (slots - before[0]):.1f}" if before else ""
            before = slots, memory
            print(
                f"| {slots} | {seconds:.2f} | {cpu:.2f} | {wall:.3f} | {of_one:.3f} | {memory:.0f} | {more} |",
                flush=True,
            )


def replace_one(server: Server, death: int) -> tuple[float, float]:
    """Kill a slot; return the seconds until another one is ready, and the processor's that it took."""
    before = cpu_taken(server)
    begun = time.monotonic()
    os.kill(next(pid for pid in before if not list(below(pid))), signal.SIGKILL)
    while f"\nseedcast_worker_slot_restarts_total {death}.0\n" not in server.http.get("/metrics").text:
        time.sleep(0.005)
    seconds = time.monotonic() - begun
    return seconds, sum(taken - before.get(pid, 0.0) for pid, taken in cpu_taken(server).items())


def cpu_taken(server: Server) -> dict[int, float]:
    """Return the processor time, in seconds, of each process below a worker: they have one thread each."""
    schedules = {pid: Path(f"/proc/{pid}/schedstat") for pid in below(server.process.pid)}
    return {pid: int(schedule.read_text().split()[0]) / 1e9 for pid, schedule in schedules.items()}


if __name__ == "__main__":
    main()
