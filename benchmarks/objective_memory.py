"""What a search over a million numbers takes of memory: a real master, a real worker, and the sphere."""

from __future__ import annotations

from pathlib import Path

from benchmarks.memory import slots
from seedcast.services.master.catalogue.catalogue import POPULATION_SIZE
from seedcast.services.master.strategies.pgpe import PGPE, PGPESpec
from tests.processes import master, submit, wait_for_end, worker

DIMENSION = 1_000_000
SPEC = {
    "name": "million",
    "objective": {"id": "sphere", "kwargs": {"dimension": DIMENSION}},
    "strategy": {"name": "pgpe"},
    "population_size": POPULATION_SIZE,
    "test": {"every": 5, "episodes": 1},
    "stop": {"generations": 5},
}
PATIENCE_SECONDS = 600.0


def memory_table(folder: Path) -> str:
    """Run five generations of PGPE and return a table of the processes' memory, before and at most."""
    with worker(folder) as there, master(folder, [there.url]) as here:
        (slot,) = slots(there.process.pid)
        pids = {"master": here.process.pid, "worker": there.process.pid, "its slot": slot}
        before = {name: mib(pid, "VmRSS") for name, pid in pids.items()}
        ended = wait_for_end(here, submit(here, SPEC), PATIENCE_SECONDS)
        if ended["status"] != "completed":
            raise SystemExit(f"the search over a million numbers has {ended['status']}: {ended['reason']}")
        most = {name: mib(pid, "VmHWM") for name, pid in pids.items()}
    strategy = PGPE.memory_bytes(PGPESpec(name="pgpe"), DIMENSION, POPULATION_SIZE) / 2**20
    lines = [
        f"{DIMENSION:,} numbers, {POPULATION_SIZE} members, MiB; docs/strategies.md gives PGPE {strategy:.0f}",
        "| process | before | at most | more |",
        "| --- | ---: | ---: | ---: |",
        *(f"| {name} | {before[name]} | {most[name]} | {most[name] - before[name]} |" for name in pids),
    ]
    return "\n".join(lines)


def mib(pid: int, field: str) -> int:
    """Return a figure of a process's status, in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) // 1024
