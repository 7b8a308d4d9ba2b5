"""The client for asyncio programs: `Client`'s methods, awaited."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx

from seedcast.client import calls, exchange
from seedcast.client.calls import Call, Specification
from services.master.catalogue.schemas import PluginDescription, StrategyDescription
from services.master.experiments.schemas import Experiment, Progress
from services.master.storage.artifacts import Artifact
from services.master.storage.history import GenerationRecord, TestRecord
from services.master.studies.schemas import Study, StudyReport
from services.master.workers.schemas import WorkerView
from shared.spec.study import StudySpec

T = TypeVar("T")


class AsyncClient:
    """Calls to one master. Every method raises `SeedcastError` where the master refuses or does not answer.

    ``url`` and ``token`` default to SEEDCAST_URL (else http://127.0.0.1:8000) and SEEDCAST_TOKEN; ``timeout``, in
    seconds, is for each wait of a request.
    """

    def __init__(self, url: str | None = None, token: str | None = None, timeout: float = 60.0) -> None:
        self._http = httpx.AsyncClient(**exchange.options(url, token, timeout))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def url(self) -> str:
        """The master's address."""
        return str(self._http.base_url).rstrip("/")

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def ready(self) -> dict[str, Any]:
        """Return the master's process id and what it says of its health, once it takes requests."""
        return await self._send(calls.ready())

    async def submit(self, spec: Specification) -> Experiment:
        """Start an experiment from an `ExperimentSpec`, its values, or the path of a file.

        Raises:
            InvalidInput: a field of it is wrong; every one is named.
        """
        return await self._send(calls.submit(spec))

    async def experiments(self) -> list[Experiment]:
        """Return all experiments, newest first."""
        return (await self._send(calls.experiments())).experiments

    async def experiment(self, experiment_id: str) -> Experiment:
        """Return one experiment.

        Raises:
            NotFound: there is no such experiment.
        """
        return await self._send(calls.experiment(experiment_id))

    async def wait(self, experiment_id: str, poll_seconds: float = 1.0) -> Experiment:
        """Return an experiment once it has ended, however it did."""
        while (experiment := await self.experiment(experiment_id)).status.active:  # noqa: ASYNC110
            await asyncio.sleep(poll_seconds)  # the event is another process's
        return experiment

    async def stop(self, experiment_id: str) -> Experiment:
        """Stop an experiment as of its last committed generation.

        Raises:
            Conflict: it has ended already.
        """
        return await self._send(calls.stop(experiment_id))

    async def pause(self, experiment_id: str) -> Experiment:
        """Pause an experiment as of its last committed generation, until it is resumed.

        Raises:
            Conflict: it does not run.
        """
        return await self._send(calls.pause(experiment_id))

    async def resume(self, experiment_id: str) -> Experiment:
        """Go on with a paused, stopped or failed experiment.

        Raises:
            Conflict: it runs, or is completed.
        """
        return await self._send(calls.resume(experiment_id))

    async def delete(self, experiment_id: str, *, force: bool = False) -> None:
        """Delete an experiment and its files; with ``force`` also if it runs.

        Raises:
            Conflict: it runs.
        """
        await self._send(calls.delete(experiment_id, force))

    async def progress(self, experiment_id: str) -> Progress | None:
        """Return how far the generation in the making is; nothing between two."""
        return await self._send(calls.progress(experiment_id))

    async def generations(
        self, experiment_id: str, after: int = 0, page: int = calls.PAGE
    ) -> list[GenerationRecord]:
        """Return the generations committed after one, oldest first, asking for ``page`` of them at a time."""
        found: list[GenerationRecord] = []
        following: int | None = after
        while following is not None:
            answer = await self._send(calls.generations(experiment_id, following, page))
            found += answer.generations
            following = answer.next_after
        return found

    async def tests(self, experiment_id: str, after: int = -1, page: int = calls.PAGE) -> list[TestRecord]:
        """Return the tests of generations later than one, oldest first, asking for ``page`` of them at a time."""
        found: list[TestRecord] = []
        following: int | None = after
        while following is not None:
            answer = await self._send(calls.tests(experiment_id, following, page))
            found += answer.evaluations
            following = answer.next_after
        return found

    async def artifacts(self, experiment_id: str) -> list[Artifact]:
        """Return the files that can be downloaded."""
        return (await self._send(calls.artifacts(experiment_id))).artifacts

    async def download(self, experiment_id: str, name: str, path: str | Path) -> Path:
        """Save a file of an experiment as it is now; ``path`` appears when it is whole.

        Raises:
            NotFound: there is no such file.
        """
        path = Path(path)
        part = path.with_name(f".{path.name}.part")
        try:
            async with self._http.stream("GET", calls.artifact_path(experiment_id, name)) as response:
                if not response.is_success:
                    await response.aread()
                exchange.check(response)
                with part.open("wb") as file:
                    async for chunk in response.aiter_bytes():
                        file.write(chunk)
            part.replace(path)
        except httpx.HTTPError as error:
            raise exchange.unreachable(self._http.base_url, error) from error
        finally:
            part.unlink(missing_ok=True)
        return path

    async def workers(self) -> list[WorkerView]:
        """Return the fleet."""
        return (await self._send(calls.workers())).workers

    async def strategies(self) -> list[StrategyDescription]:
        """Return what strategies there are."""
        return (await self._send(calls.strategies())).strategies

    async def strategy(self, name: str) -> StrategyDescription:
        """Return one strategy.

        Raises:
            NotFound: there is no such strategy.
        """
        return await self._send(calls.strategy(name))

    async def policies(self) -> list[PluginDescription]:
        """Return what policies there are."""
        return (await self._send(calls.policies())).policies

    async def submit_study(self, spec: StudySpec | str | Path) -> Study:
        """Start a study from a `StudySpec`, or the path of a file.

        Raises:
            InvalidInput: a field of it is wrong, or of one of its trials.
        """
        return await self._send(calls.submit_study(spec))

    async def studies(self) -> list[Study]:
        """Return all studies, newest first."""
        return (await self._send(calls.studies())).studies

    async def study(self, study_id: str) -> StudyReport:
        """Return a study with its trials, the best first, and how they compare."""
        return await self._send(calls.study(study_id))

    async def stop_study(self, study_id: str) -> Study:
        """Stop a study and those of its runs that have not ended.

        Raises:
            Conflict: it has ended already.
        """
        return await self._send(calls.stop_study(study_id))

    async def _send(self, call: Call[T]) -> T:
        try:
            response = await self._http.request(**exchange.arguments(call))
        except httpx.HTTPError as error:
            raise exchange.unreachable(self._http.base_url, error) from error
        return exchange.answer(call, response)
