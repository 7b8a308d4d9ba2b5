"""The cluster's shape with real processes: a master and workers in network namespaces, found by a changing name.

Scaled as Kubernetes does it: a worker is in DNS once it is ready, and it has left DNS before it is told to end.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.applications import PORTS
from tests.deploy.dns_stub import NameServer
from tests.deploy.namespaces import Network, Pod, skip_without_namespaces
from tests.processes import Server, digests, eventually, master, submit, wait_for_end, wait_for_generation, worker
from tests.specs import cartpole_values

pytestmark = pytest.mark.timeout(600)
DOMAIN = "seedcast.svc.cluster.local"
PAUSE_SECONDS = "0.02"
"""What an episode waits for, so that a worker's speed is its own also where there are fewer cores than workers."""
SHARE = 5
"""So many units each worker answers at least, of those after the last scaling, before the run is stopped."""
PATIENCE = 180.0
"""Seconds that a step may take on a machine that is busy with other things."""
SPEC = cartpole_values() | {
    "environment": {"id": "Patient-v0", "max_episode_steps": 50},
    "population_size": 64,
    "test": {"every": 100, "episodes": 5},
    "stop": {"generations": 1000},
}


class Cluster:
    """One master, and a Deployment of workers behind a headless Service."""

    def __init__(self, folder: Path, network: Network, names: NameServer) -> None:
        self._folder, self._network, self._names = folder, network, names
        self._pods: list[tuple[Pod, Server]] = []
        self._replicas = 0
        self._stack = ExitStack()
        resolver = folder / "resolv.conf"
        resolver.write_text(f"nameserver {network.address}\nsearch {DOMAIN}\noptions ndots:5 timeout:1\n")
        self.master = network.pod(resolver).serve(
            "seedcast.services.master",
            PORTS["master"],
            folder / "master.log",
            SEEDCAST_HOST="0.0.0.0",  # noqa: S104 - of its own namespace
            SEEDCAST_ALLOW_ANONYMOUS="true",
            SEEDCAST_DATA=str(folder / "data"),
            SEEDCAST_WORKERS=f"dns://seedcast-worker:{PORTS['worker']}",
            SEEDCAST_UNIT_SECONDS="0.2",
        )
        self._stack.callback(self.master.kill)

    def close(self) -> None:
        """End all processes."""
        self._stack.close()

    @property
    def urls(self) -> list[str]:
        """Where the workers of now are, the oldest first."""
        return [server.url for _, server in self._pods[: self._replicas]]

    def start(self, workers: int) -> None:
        """Start workers that are in DNS once it is scaled to them: a pod is listed when it is ready."""
        for _ in range(workers):
            pod = self._network.pod()
            settings = {"SEEDCAST_WORKER_HOST": "0.0.0.0", "SEEDCAST_WORKER_SLOTS": "1"}  # noqa: S104
            settings["SEEDCAST_WORKER_ALLOW_ANONYMOUS"] = "true"
            settings["SEEDCAST_TEST_PATIENCE"] = PAUSE_SECONDS
            server = pod.serve(
                "seedcast.services.worker", PORTS["worker"], self._folder / f"{pod.address}.log", **settings
            )
            self._stack.callback(server.kill)
            self._pods.append((pod, server))

    def scale(self, replicas: int) -> None:
        """List so many in DNS, the oldest first, and then end those that were listed before."""
        before, self._replicas = self._replicas, replicas
        self._names.addresses = tuple(pod.address for pod, _ in self._pods[:replicas])
        for _, server in self._pods[replicas:before]:
            server.stop()

    def workers(self) -> dict[str, Any]:
        """Return what the master knows of its workers, by URL."""
        return {row["url"]: row for row in self.master.http.get("/workers").json()["workers"]}

    def all_used(self) -> bool:
        """Whether the master has answers of exactly the workers that there are."""
        known = self.workers()
        return set(known) == set(self.urls) and all(row["units"] > 0 for row in known.values())

    def units(self) -> dict[str, int]:
        """Return how many units each worker of now has answered."""
        known = self.workers()
        return {url: known[url]["units"] for url in self.urls}

    def wait_until_all_share(self) -> None:
        """Wait until every worker of now has answered its share of what comes from now on."""
        before = self.units()
        eventually(lambda: all(count >= before[url] + SHARE for url, count in self.units().items()), PATIENCE)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    skip_without_namespaces()
    with (
        Network() as network,
        NameServer(network.address, f"seedcast-worker.{DOMAIN}") as names,
        ExitStack() as stack,
    ):
        cluster = Cluster(tmp_path, network, names)
        stack.callback(cluster.close)
        yield cluster
        assert names.answered > 0


@pytest.mark.slow
def test_scaling_by_dns_between_namespaces_uses_every_worker_and_loses_nothing(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.start(4)
    scaled = submit(cluster.master, SPEC)
    for replicas in (1, 4, 2):
        cluster.scale(replicas)
        eventually(cluster.all_used, PATIENCE)
        cluster.wait_until_all_share()
        made = cluster.master.http.get(f"/experiments/{scaled}").json()["generation"]
        wait_for_generation(cluster.master, scaled, made + 1, PATIENCE)
    assert cluster.master.http.post(f"/experiments/{scaled}/stop").is_success
    assert wait_for_end(cluster.master, scaled, PATIENCE)["status"] == "stopped"
    history = digests(cluster.master, scaled)
    assert len(set(history)) == len(history) >= 3
    rows = cluster.master.http.get(f"/experiments/{scaled}/history").json()["generations"]
    assert sum(row["failed_members"] for row in rows) == 0
    assert history == calm(tmp_path / "calm", len(history))


def calm(folder: Path, generations: int) -> list[str]:
    """Train as long with one worker on loopback, which waits for nothing."""
    folder.mkdir()
    with worker(folder) as one, master(folder, [one.url]) as server:
        experiment = submit(server, SPEC | {"stop": {"generations": generations}})
        assert wait_for_end(server, experiment, PATIENCE)["status"] == "completed"
        return digests(server, experiment)
