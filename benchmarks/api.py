"""`make bench-api`: how fast the master answers while 100 experiments train, and how soon each of them stops.

Requests come at a steady pace, to every route by turns, whether or not earlier ones are answered; each is counted
from the moment at which it was due. Bars: p99 of every route within 100 ms at 50 requests/s; a stop within 1 s.
Master, workers and this program share the machine and a session, as those do that `seedcast serve` starts.
Beside what whoever asks waits stands what the master says that it took (`Server-Timing`), and how late this
program itself was: on two cores with two busy slots these are not the same.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from benchmarks.history import buckets, p99
from benchmarks.restart import generations
from seedcast.shared.garbage import settle
from tests.processes import Server, eventually, master, submit, worker
from tests.specs import cartpole_values

WALKER = cartpole_values() | {
    "environment": {"id": "BipedalWalker-v3", "max_episode_steps": 300},
    "population_size": 16,
    "episodes_per_member": 1,
    "test": {"every": 5, "episodes": 4},
    "stop": {"generations": 1_000_000},
}
"""About a fifth of a second of a slot for a generation: the workers are busy, not the master."""
BAR_SECONDS = 0.1
STOP_BAR_SECONDS = 1.0
CONNECTIONS = 8
"""As of so many people's browsers; httpx is slow with many more."""


@dataclass(frozen=True)
class Call:
    """One route, and how it is asked."""

    method: str
    path: str
    """With {id} and {study} where one of them belongs."""
    body: dict[str, Any] | None = None
    query: str = ""


CALLS = (
    Call("POST", "/experiments", WALKER, "?dry_run=true"),
    Call("GET", "/experiments"),
    Call("GET", "/experiments", query="?status=active&text=walker&sort=best&limit=20"),
    Call("GET", "/experiments/{id}"),
    Call("PATCH", "/experiments/{id}", {"note": "looked at"}),
    Call("GET", "/experiments/{id}/progress"),
    Call("GET", "/experiments/{id}/artifacts"),
    Call("GET", "/experiments/{id}/log"),
    Call("GET", "/experiments/{id}/artifacts/config.yaml"),
    Call("GET", "/experiments/{id}/artifacts/scores.csv"),
    Call("GET", "/experiments/{id}/generations", query="?newest=true&limit=100"),
    Call("GET", "/experiments/{id}/generations", query="?format=csv"),
    Call("GET", "/experiments/{id}/evaluations"),
    Call("GET", "/experiments/{id}/history", query="?limit=100"),
    Call("GET", "/experiments/{id}/tests"),
    Call("GET", "/experiments/{id}/columns", query="?most=500"),
    Call("GET", "/experiments/{id}/jobs"),
    Call("GET", "/studies"),
    Call("GET", "/comparison", query="?run={id}"),
    Call("GET", "/strategies"),
    Call("GET", "/strategies/pgpe"),
    Call("GET", "/policies"),
    Call("GET", "/environments"),
    Call("GET", "/workers"),
    Call("GET", "/workers/history"),
    Call("GET", "/autoscale"),
    Call("GET", "/presets"),
    Call("GET", "/version"),
    Call("GET", "/livez"),
    Call("GET", "/readyz"),
    Call("GET", "/metrics"),
    Call("GET", "/debug/events"),
    Call("GET", "/openapi.json"),
    Call("GET", "/"),
)


@dataclass
class Seen:
    """What the requests took, in seconds."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    served: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """The master's own part of it, until the answer began."""
    late: list[float] = field(default_factory=list)
    """How late this program sent each."""
    refused: list[str] = field(default_factory=list)


async def ask(client: httpx.AsyncClient, call: Call, experiment: str, due: float, seen: Seen) -> None:
    """Send a request, and note when the whole answer was there."""
    seen.late.append(time.perf_counter() - due)
    path = (call.path + call.query).replace("{id}", experiment)
    reply = await client.request(call.method, path, json=call.body)
    name = f"{call.method} {call.path}{call.query}"
    seen.seconds[name].append(time.perf_counter() - due)
    seen.served[name].append(float(reply.headers["Server-Timing"].partition("dur=")[2]) / 1000)
    if not reply.is_success:
        seen.refused.append(f"{path}: {reply.status_code} {reply.text[:100]}")


async def paced(per_second: float, seconds: float) -> AsyncIterator[tuple[int, float]]:
    """Yield the number and the due moment of every request, at that moment."""
    begun = time.perf_counter()
    for number in range(int(per_second * seconds)):
        due = begun + number / per_second
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        yield number, due


async def load(url: str, calls: Sequence[Call], ids: Sequence[str], per_second: float, seconds: float) -> Seen:
    """Ask for all routes by turns at a steady pace, of one experiment after the other."""
    seen, experiments = Seen(), itertools.cycle(ids)
    limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    async with (
        httpx.AsyncClient(base_url=url, limits=limits, timeout=60, trust_env=False) as client,
        asyncio.TaskGroup() as tasks,
    ):
        async for number, due in paced(per_second, seconds):
            tasks.create_task(ask(client, calls[number % len(calls)], next(experiments), due, seen))
    return seen


async def stop_under_load(url: str, ids: Sequence[str], per_second: float) -> tuple[list[float], float]:
    """Stop half of the experiments one by one, five a second, while requests go on; then the rest at once.

    Returns the seconds of each single stop, and those until the last of the others was stopped.
    """
    single, rest = ids[: len(ids) // 2], ids[len(ids) // 2 :]
    seen = Seen()
    async with httpx.AsyncClient(base_url=url, timeout=60, trust_env=False) as client:
        around = asyncio.create_task(load(url, CALLS, rest, per_second, len(single) / 5))
        async with asyncio.TaskGroup() as tasks:
            async for number, due in paced(5.0, len(single) / 5):
                call = Call("POST", "/experiments/{id}/stop")
                tasks.create_task(ask(client, call, single[number], due, seen))
        await around
        begun = time.perf_counter()
        replies = await asyncio.gather(*(client.post(f"/experiments/{one}/stop") for one in rest))
        whole = time.perf_counter() - begun
    refused = [*seen.refused, *(reply.text for reply in replies if not reply.is_success)]
    if refused:
        raise SystemExit(f"not all were stopped: {refused[0]}")
    return next(iter(seen.seconds.values())), whole


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has taken so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def below(pid: int) -> Iterator[int]:
    """Yield the processes that a process has started, and those that they have."""
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield int(child)
        yield from below(int(child))


def cores_taken(server: Server, workers: Sequence[Server]) -> dict[str, float]:
    """Return the processor time that each kind of process has taken so far."""
    return {
        "the master": cpu_seconds(server.process.pid),
        "its writer of files": sum(map(cpu_seconds, below(server.process.pid))),
        "workers": sum(cpu_seconds(one.process.pid) for one in workers),
        "their slots": sum(cpu_seconds(pid) for one in workers for pid in below(one.process.pid)),
        "this program": cpu_seconds(os.getpid()),
    }


def costs(server: Server, ids: Sequence[str], rounds: int = 40) -> dict[str, float]:
    """Return the master's CPU milliseconds for a request of each route; nothing trains meanwhile.

    Whatever else the machine does, this figure stays.
    """
    found, experiments, pid = dict[str, float](), itertools.cycle(ids), server.process.pid
    for call in CALLS:
        before = cpu_seconds(pid)
        for _ in range(rounds):
            path = (call.path + call.query).replace("{id}", next(experiments))
            server.http.request(call.method, path, json=call.body)
        found[f"{call.method} {call.path}{call.query}"] = 1000 * (cpu_seconds(pid) - before) / rounds
    return found


def pace(server: Server, seconds: float) -> float:
    """Return the generations a second of all experiments together over a while."""
    before = sum(generations(server).values())
    time.sleep(seconds)
    return (sum(generations(server).values()) - before) / seconds


def report(seen: Seen, cost: dict[str, float]) -> bool:
    """Print a row for each route, the slowest first; return whether all are within the bar."""
    head = f"{'n':>5s} {'p50':>7s} {'p99':>7s} {'most':>7s}  ms; {'master p99':>10s} ms; {'CPU':>5s} ms"
    print(f"  {'route':70s} {head}")
    rows = {name: np.percentile(values, [50, 99, 100]) for name, values in seen.seconds.items()}
    for name, row in sorted(rows.items(), key=lambda one: -one[1][1]):
        figures = " ".join(f"{1000 * value:7.1f}" for value in row)
        above = "" if row[1] <= BAR_SECONDS else "  above the bar"
        served = f"{1000 * np.percentile(seen.served[name], 99):10.1f}"
        print(f"  {name:70s} {len(seen.seconds[name]):5d} {figures}      {served}     {cost[name]:5.1f}{above}")
    every = [np.concatenate(list(kind.values())) for kind in (seen.seconds, seen.served)]
    whole, own = (1000 * np.percentile(values, [50, 99]) for values in every)
    within = sum(row[1] <= BAR_SECONDS for row in rows.values())
    print(f"  {within} of {len(rows)} routes within the bar")
    print(f"  of all requests p50 {whole[0]:.1f}, p99 {whole[1]:.1f} ms")
    print(f"  of which the master took p50 {own[0]:.1f}, p99 {own[1]:.1f} ms")
    print(f"  this program was {1000 * np.percentile(seen.late, 99):.1f} ms late at p99")
    for text in seen.refused[:10]:
        print(f"  refused: {text}")
    return all(row[1] <= BAR_SECONDS for row in rows.values()) and not seen.refused


def run(folder: Path, experiments: int, workers: int, per_second: float, seconds: float) -> bool:
    """Measure and print; return whether the bars are met."""
    settle()  # as the master does: whoever measures must not look for garbage meanwhile
    with ExitStack() as stack:
        servers = [stack.enter_context(worker(folder, slots=1)) for _ in range(workers)]
        server = stack.enter_context(master(folder, [one.url for one in servers]))
        ids = [submit(server, WALKER | {"seed": n, "name": f"walker-{n}"}) for n in range(experiments)]
        eventually(lambda: min(generations(server).values()) >= 2, 600)
        server.http.get("/environments?wait=60")  # a worker is asked once; the bar is on all that come later
        calm = pace(server, 10.0)
        lag, before, begun = buckets(server), sum(generations(server).values()), time.perf_counter()
        taken = cores_taken(server, servers)
        seen = asyncio.run(load(server.url, CALLS, ids, per_second, seconds))
        took = time.perf_counter() - begun
        cores = {kind: (now - taken[kind]) / took for kind, now in cores_taken(server, servers).items()}
        busy = (sum(generations(server).values()) - before) / took
        lags, load_average = p99(lag, buckets(server)), os.getloadavg()[0]
        stops, whole = asyncio.run(stop_under_load(server.url, ids, per_second))
        met = report(seen, costs(server, ids))
    print(f"{experiments} experiments trained on {workers} workers; {per_second:g} requests/s for {seconds:g} s")
    print(f"  load average {load_average:.1f} on {os.cpu_count()} cores")
    print(f"  of which {', '.join(f'{kind} {value:.2f}' for kind, value in cores.items())}")
    print(f"  the master's loop lag p99 at most {1000 * lags:.0f} ms (bar: 50 ms)")
    print(f"  {calm:.1f} generations/s alone, {busy:.1f} under these requests")
    print(f"  a stop beside them: median {np.median(stops):.3f} s, most {max(stops):.3f} s (bar: 1 s)")
    print(f"  {len(ids) - len(stops)} stopped at once within {whole:.2f} s")
    return met and max(stops) <= STOP_BAR_SECONDS


def main() -> None:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiments", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rate", type=float, default=50.0, help="Requests a second, of all routes together.")
    parser.add_argument("--seconds", type=float, default=120.0)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        met = run(Path(folder), wanted.experiments, wanted.workers, wanted.rate, wanted.seconds)
    raise SystemExit(0 if met else 1)


if __name__ == "__main__":
    main()
