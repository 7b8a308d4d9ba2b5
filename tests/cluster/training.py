"""Training over the forwarded port, which ends with the pod that it leads to and is opened again."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import httpx

from tests.cluster.kubectl import Failed

Forward = Callable[[], AbstractContextManager[str]]
"""Opens a way to the master for the time of a request or a few; yields its URL."""

SPEC: dict[str, Any] = {
    "name": "test-cluster",
    "seed": 1,
    "environment": {"id": "CartPole-v1"},
    "policy": {"name": "linear"},
    "strategy": {"name": "pgpe", "radius": 2},
    "population_size": 64,
    "episodes_per_member": 4,
    "episode_seeds": "generation",
}
"""CartPole, whose generations take long enough for several workers to share."""


class Training:
    """The master's API, through whatever pod has it."""

    def __init__(self, forward: Forward, patience_seconds: float = 300) -> None:
        self._forward = forward
        self._patience = patience_seconds

    def get(self, path: str, **query: Any) -> Any:
        """Return the JSON of a path; ask again while the master is away.

        Raises:
            Failed: it is away for longer than the patience, or refuses.
        """
        return self._until(lambda http: _checked(http.get(path, params=query)))

    def submit(self, generations: int) -> str:
        """Start a run of so many generations and return its id; sent twice, it is one run."""
        headers = {"Idempotency-Key": f"test-cluster-{generations}"}
        body = SPEC | {"stop": {"generations": generations}}
        return str(self._until(lambda http: _checked(http.post("/experiments", json=body, headers=headers)))["id"])

    def stop(self, experiment: str) -> None:
        """Stop a run as of its last committed generation."""
        self._until(lambda http: http.post(f"/experiments/{experiment}/stop"))

    def generation(self, experiment: str) -> int:
        """Return how many generations are committed.

        Raises:
            Failed: the run has failed.
        """
        shown = self.get(f"/experiments/{experiment}")
        if shown["status"] == "failed":
            raise Failed(f"the run failed: {shown['reason']}")
        return int(shown["generation"])

    def wait_for(self, experiment: str, generation: int) -> None:
        """Wait until a generation is committed; the patience counts anew with each one."""
        seen, since = self.generation(experiment), time.monotonic()
        while seen < generation:
            time.sleep(0.5)
            now = self.generation(experiment)
            if now > seen:
                seen, since = now, time.monotonic()
            elif time.monotonic() > since + self._patience:
                raise Failed(f"the run has stood at generation {seen} for {self._patience:g} s")

    def go_on(self, experiment: str, generations: int = 3) -> None:
        """Wait until so many more generations are committed."""
        self.wait_for(experiment, self.generation(experiment) + generations)

    def ready_workers(self) -> int:
        """Return how many workers are ready."""
        return sum(worker["state"] == "ready" for worker in self.get("/workers")["workers"])

    def wait_for_workers(self, count: int) -> None:
        """Wait until exactly so many workers are ready."""
        deadline = time.monotonic() + self._patience
        while (ready := self.ready_workers()) != count:
            if time.monotonic() > deadline:
                raise Failed(f"{ready} workers are ready after {self._patience:g} s, not {count}")
            time.sleep(0.5)

    def digests(self, experiment: str) -> list[str]:
        """Return the parameters' SHA-256 after each generation, of which none is missing or double."""
        rows, after = list[dict[str, Any]](), -1
        while after is not None:
            page = self.get(f"/experiments/{experiment}/generations", after=after)
            rows += page["generations"]
            after = page["next_after"]
        if [row["generation"] for row in rows] != list(range(1, len(rows) + 1)):
            raise Failed("a generation is missing, or there twice")
        return [row["parameters_sha256"] for row in rows]

    def _until(self, ask: Callable[[httpx.Client], Any]) -> Any:
        deadline = time.monotonic() + self._patience
        while True:
            try:
                with self._forward() as url, httpx.Client(base_url=url, timeout=30, trust_env=False) as http:
                    return ask(http)
            except (httpx.TransportError, Failed) as error:
                if time.monotonic() > deadline or isinstance(error.__cause__, httpx.HTTPStatusError):
                    raise Failed(f"the master: {error}") from error
                time.sleep(1)


def _checked(response: httpx.Response) -> Any:
    try:
        return response.raise_for_status().json()
    except httpx.HTTPStatusError as error:
        raise Failed(response.text) from error
