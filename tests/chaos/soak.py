"""`make chaos`: real processes, killed, stopped and badly connected at random, against a calm twin.

::

    python -m tests.chaos.soak --duration 120 --seed 1

One master and two workers train; the master reaches the workers through proxies that reset, delay, truncate and
corrupt. A worker is killed every 5 s, the master every 45 s, a worker is stopped for 3 s every 20 s; a short run
strikes more often, so that each happens. Afterwards a calm master trains as many generations. The soak fails if
one generation is lost, there twice or different, or if nothing was killed.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import httpx

from tests.chaos.proxy import FaultProxy, Rates
from tests.chaos.supervised import Supervised
from tests.processes import free_port
from tests.specs import cartpole_values

WORKERS = 2
START_SECONDS = 240.0
POLL_SECONDS = 0.05
SPEC: dict[str, Any] = cartpole_values() | {
    "name": "chaos",
    "environment": {"id": "CartPole-v1", "rollout_timeout_seconds": 10},
    "population_size": 32,
    "test": {"every": 10, "episodes": 8},
    "stop": {"generations": 1_000_000},
}


@dataclass(frozen=True)
class Schedule:
    """How often what strikes, in seconds."""

    worker_kill: float
    master_kill: float
    worker_stop: float
    stopped: float = 3.0

    @classmethod
    def of(cls, duration: float) -> Schedule:
        """Return the scorecard's schedule, denser where ``duration`` would not hold two of each."""
        return cls(min(5.0, duration / 3), min(45.0, duration / 2.5), min(20.0, duration / 3))


@dataclass
class Report:
    """What happened."""

    worker_kills: int = 0
    master_kills: int = 0
    stops: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    api_seconds: list[float] = field(default_factory=list)
    training_seconds: list[float] = field(default_factory=list)
    taken_back: int = 0
    """Generations that were seen committed before a kill and were not afterwards."""
    digests: list[str] = field(default_factory=list)
    calm: list[str] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)

    @property
    def lost(self) -> int:
        """Generations without a row."""
        return len(set(range(1, max(self.numbers, default=0) + 1)) - set(self.numbers)) + self.taken_back

    @property
    def duplicated(self) -> int:
        """Generations with more than one row."""
        return len(self.numbers) - len(set(self.numbers))

    async def has_struck(self) -> bool:
        """Whether each kind of thing that strikes has done so, and the killed master trains again."""
        return bool(self.worker_kills and self.training_seconds and self.faults["corrupt"])

    def troubles(self) -> list[str]:
        """Return why the soak has failed, if it has."""
        checks = {
            "the killer killed no worker": self.worker_kills == 0,
            "the killer did not kill the master": self.master_kills == 0,
            "no byte was corrupted": self.faults["corrupt"] == 0,
            "no generation was trained": not self.digests,
            "generations were lost": self.lost > 0,
            "generations are there twice": self.duplicated > 0,
            "the calm twin learnt something else": self.digests != self.calm,
        }
        return [trouble for trouble, true in checks.items() if true]

    def text(self) -> str:
        """Return the report, a figure a line."""
        calm, chaos = ((found[-1] if found else "none") for found in (self.calm, self.digests))
        faults = ", ".join(f"{count} {fault}" for fault, count in sorted(self.faults.items())) or "none"
        return "\n".join(
            [
                f"workers killed         {self.worker_kills}",
                f"masters killed         {self.master_kills}",
                f"workers stopped        {self.stops}",
                f"faults on the network  {faults}",
                f"generations            {len(self.digests)}",
                f"lost, duplicated       {self.lost}, {self.duplicated}",
                f"API back after         {_range(self.api_seconds)}",
                f"training again after   {_range(self.training_seconds)}",
                f"sha256, chaos          {chaos}",
                f"sha256, calm           {calm}",
                *(f"FAILED: {trouble}" for trouble in self.troubles()),
            ]
        )


def _range(seconds: list[float]) -> str:
    if not seconds:
        return "not seen"
    return f"{min(seconds):.1f} to {max(seconds):.1f} s (median {sorted(seconds)[len(seconds) // 2]:.1f} s)"


class Cluster:
    """A master with its workers, and a client that outlives both."""

    def __init__(self, master: Supervised, workers: list[Supervised], http: httpx.AsyncClient) -> None:
        self.master = master
        self.workers = workers
        self._http = http

    async def get(self, path: str) -> Any:
        """Return what the master answers, None while it does not."""
        try:
            response = await self._http.get(path)
        except httpx.HTTPError:
            return None
        return response.json() if response.is_success else None

    async def post(self, path: str, body: object = None) -> Any:
        """Return what the master answers to a request that has to succeed."""
        response = await self._http.post(path, json=body)
        response.raise_for_status()
        return response.json()

    async def rows(self, experiment_id: str) -> list[dict[str, Any]]:
        """Return the committed generations."""
        rows, after = list[dict[str, Any]](), -1
        while after is not None:
            path = f"/experiments/{experiment_id}/generations?after={after}"
            page = await until(partial(self.get, path))
            rows += page["generations"]
            after = page["next_after"]
        return rows


async def until(look: Callable[[], Awaitable[Any]], seconds: float = START_SECONDS) -> Any:
    """Return the first true value of ``look``."""
    async with asyncio.timeout(seconds):
        while not (value := await look()):  # noqa: ASYNC110 - another process has no event to set
            await asyncio.sleep(POLL_SECONDS)
        return value


@asynccontextmanager
async def cluster(folder: Path, ports: list[int], seen_ports: list[int]) -> AsyncIterator[Cluster]:
    """Start workers on ``ports`` and a master that reaches them at ``seen_ports``."""
    port = free_port()
    async with AsyncExitStack() as stack:
        workers = []
        for number in ports:
            settings = {"SEEDCAST_WORKER_PORT": str(number), "SEEDCAST_WORKER_SLOTS": "1"}
            log = folder / f"worker-{number}.log"
            workers.append(Supervised("seedcast.services.worker", settings, log, f"http://127.0.0.1:{number}"))
            stack.push_async_callback(workers[-1].stop)
        settings = {
            "SEEDCAST_PORT": str(port),
            "SEEDCAST_DATA": str(folder / "data"),
            "SEEDCAST_WORKERS": ",".join(f"http://127.0.0.1:{number}" for number in seen_ports),
            "SEEDCAST_UNIT_SECONDS": "0.2",
        }
        url = f"http://127.0.0.1:{port}"
        master = Supervised("seedcast.services.master", settings, folder / "master.log", url)
        stack.push_async_callback(master.stop)
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=60, trust_env=False))
        made = Cluster(master, workers, http)
        await until(lambda: made.get("/readyz"))
        yield made


def run(folder: Path, duration: float, seed: int) -> Report:
    """Train through ``duration`` seconds of chaos, then as far without, and report."""
    for name in ("chaos", "calm"):
        (folder / name).mkdir(parents=True)
    return asyncio.run(_soak(folder, duration, seed))


async def _soak(folder: Path, duration: float, seed: int) -> Report:
    report, random = Report(), Random(seed)
    rates = Rates(corrupt=Rates.corrupt * min(3.0, max(1.0, 60 / duration)))  # a short run is to see some, too
    ports, seen_ports = ([free_port() for _ in range(WORKERS)] for _ in range(2))
    proxies = [
        FaultProxy(seen, port, Random(random.random()), rates)
        for seen, port in zip(seen_ports, ports, strict=True)
    ]
    for proxy in proxies:
        proxy.faults = report.faults
        await proxy.start()
    try:
        async with cluster(folder / "chaos", ports, seen_ports) as struck:
            await _chaos(struck, report, Schedule.of(duration), duration, random)
    finally:
        for proxy in proxies:
            await proxy.close()
    calm_ports = [free_port() for _ in range(WORKERS)]
    async with cluster(folder / "calm", calm_ports, calm_ports) as calm:
        report.calm = await _train_calmly(calm, len(report.digests))
    return report


async def _chaos(struck: Cluster, report: Report, schedule: Schedule, duration: float, random: Random) -> None:
    experiment_id = (await struck.post("/experiments", SPEC))["id"]
    await until(lambda: _generation(struck, experiment_id))
    strikes = [
        asyncio.create_task(_kill_workers(struck, report, schedule, random)),
        asyncio.create_task(_stop_workers(struck, report, schedule, random)),
        asyncio.create_task(_kill_master(struck, report, schedule, experiment_id)),
    ]
    done, _ = await asyncio.wait(strikes, timeout=duration, return_when=asyncio.FIRST_COMPLETED)
    if not done:  # a busy machine needs longer until each thing has happened
        watch = asyncio.create_task(until(report.has_struck))
        done, _ = await asyncio.wait({*strikes, watch}, return_when=asyncio.FIRST_COMPLETED)
        watch.cancel()
    for task in strikes:
        task.cancel()
    await asyncio.gather(*strikes, return_exceptions=True)
    for task in done:
        task.result()  # strikes never end by themselves: this raises what ended it
    await until(lambda: struck.get("/readyz"))
    await struck.post(f"/experiments/{experiment_id}/stop")
    rows = await struck.rows(experiment_id)
    report.numbers = [row["generation"] for row in rows]
    report.digests = [row["parameters_sha256"] for row in rows]


async def _generation(struck: Cluster, experiment_id: str) -> int:
    experiment = await struck.get(f"/experiments/{experiment_id}")
    return int(experiment["generation"]) if experiment else 0


async def _kill_workers(struck: Cluster, report: Report, schedule: Schedule, random: Random) -> None:
    while True:
        await asyncio.sleep(schedule.worker_kill)
        victim = random.choice(struck.workers)
        await until(partial(struck.get, f"{victim.url}/readyz"))  # killed at each start it would train nothing
        victim.kill()
        report.worker_kills += 1


async def _stop_workers(struck: Cluster, report: Report, schedule: Schedule, random: Random) -> None:
    while True:
        await asyncio.sleep(schedule.worker_stop - schedule.stopped)
        report.stops += 1
        await random.choice(struck.workers).pause(schedule.stopped)


async def _kill_master(struck: Cluster, report: Report, schedule: Schedule, experiment_id: str) -> None:
    """Kill the master, and see how soon it is back and what it still knows."""
    while True:
        await asyncio.sleep(schedule.master_kill)
        before = await _generation(struck, experiment_id)
        struck.master.kill()
        killed = time.monotonic()
        report.master_kills += 1
        await until(lambda: _down(struck, report.master_kills))
        await until(lambda: struck.get("/readyz"))
        report.api_seconds.append(time.monotonic() - killed)
        after = await until(lambda: _generation(struck, experiment_id))
        report.taken_back += max(0, before - after)
        await _until_it_trains(struck, experiment_id, after)
        report.training_seconds.append(time.monotonic() - killed)


async def _down(struck: Cluster, deaths: int) -> bool:
    return struck.master.deaths >= deaths


async def _until_it_trains(struck: Cluster, experiment_id: str, committed: int) -> None:
    """Wait until rollouts of the next generation are in, or all of them."""

    async def trains() -> bool:
        progress = await struck.get(f"/experiments/{experiment_id}/progress")
        return bool(progress and progress["rollouts_done"]) or await _generation(struck, experiment_id) > committed

    await until(trains)


async def _train_calmly(calm: Cluster, generations: int) -> list[str]:
    experiment_id = (await calm.post("/experiments", SPEC | {"stop": {"generations": max(1, generations)}}))["id"]
    while True:
        experiment = await until(lambda: calm.get(f"/experiments/{experiment_id}"))
        if experiment["status"] in ("completed", "failed"):
            return [row["parameters_sha256"] for row in await calm.rows(experiment_id)]
        await asyncio.sleep(0.2)


def main() -> None:
    """Run the soak and print its report; exit code 1 if it has failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--duration", type=float, default=120.0, help="seconds of chaos")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="a new folder for data and logs, which stays")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends it, its processes end, too
    with ExitStack() as stack:
        if (folder := options.keep) is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        report = run(folder, options.duration, options.seed)
    sys.stdout.write(report.text() + "\n")
    raise SystemExit(1 if report.troubles() else 0)


if __name__ == "__main__":
    main()
