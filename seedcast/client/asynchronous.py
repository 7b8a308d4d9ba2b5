"""The client for asyncio programs. The one that waits is made of this file: `make client`, after any change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx

from seedcast.client import calls, exchange
from seedcast.client.calls import Call, Specification
from seedcast.client.events import Event, Lines
from seedcast.services.master.catalogue.schemas import PluginDescription, StrategyDescription
from seedcast.services.master.experiments.estimate import Estimate
from seedcast.services.master.experiments.rows import ExperimentRow
from seedcast.services.master.experiments.schemas import Experiment, Progress
from seedcast.services.master.jobs.schemas import Job
from seedcast.services.master.storage.artifacts import Artifact
from seedcast.services.master.storage.records import GenerationRecord, TestRecord
from seedcast.services.master.studies.schemas import Study, StudyReport
from seedcast.services.master.workers.schemas import WorkerView
from seedcast.shared.protocol import OfferedEnvironment
from seedcast.shared.spec.study import StudySpec
from seedcast.shared.whole_file import whole_file

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

    async def submit(self, spec: Specification, key: str | None = None) -> Experiment:
        """Start an experiment from an `ExperimentSpec`, its values, or the path of a file.

        The same ``key`` again returns the same experiment, and nothing is started: so it is safe to try again.

        Raises:
            InvalidInput: a field of it is wrong; every one is named.
        """
        return await self._send(calls.submit(spec, key))

    async def experiment(self, experiment_id: str) -> Experiment:
        """Return one experiment.

        Raises:
            NotFound: there is no such experiment.
        """
        return await self._send(calls.experiment(experiment_id))

    async def wait(self, experiment_id: str, poll_seconds: float = 1.0) -> Experiment:
        """Return an experiment once it has ended, however it did."""
        while (experiment := await self.experiment(experiment_id)).status.active:  # noqa: ASYNC110
            await asyncio.sleep(poll_seconds)
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

    async def experiments(
        self,
        *,
        status: str | Sequence[str] = (),
        tag: str | Sequence[str] = (),
        strategy: str | None = None,
        environment: str | None = None,
        text: str = "",
        archived: bool = False,
        sort: str = "created",
        limit: int | None = None,
    ) -> list[ExperimentRow]:
        """Return experiments in few words, without their specifications: ``limit`` of them, or all.

        ``status`` is any of several ("active" stands for all that run or wait), ``tag`` each "name" or
        "name=value" and all of them, ``text`` words that stand anywhere in a row; ``archived`` are those put away,
        in place of all others. ``sort`` is an `Order`, such as created, name, best or steps.
        """
        filters = {
            "status": status, "tag": tag, "strategy": strategy, "environment": environment,
            "text": text, "archived": archived, "sort": sort,
        }  # fmt: skip
        found: list[ExperimentRow] = []
        cursor: str | None = None
        while limit is None or len(found) < limit:
            most = calls.PAGE if limit is None else min(calls.PAGE, limit - len(found))
            page = await self._send(calls.experiments(filters, most, cursor))
            found += page.experiments
            cursor = page.next_cursor
            if cursor is None:
                break
        return found

    async def count(self, *, archived: bool = False) -> int:
        """Return how many experiments there are, without those put away, or only of those."""
        return (await self._send(calls.experiments({"archived": archived}, 1, None))).total

    async def estimate(self, spec: Specification) -> Estimate:
        """Check a specification as `submit` does, and say what it would take; nothing is started.

        Raises:
            InvalidInput: it would be refused.
        """
        return await self._send(calls.estimate(spec))

    async def change(self, experiment_id: str, **changes: Any) -> Experiment:  # noqa: ANN401 - see `Changes`
        """Change ``name``, ``note``, ``tags``, ``share`` or ``stop`` conditions; a completed run may so go on.

        A run at rest may be given ``determinism="relaxed"``, where the machines that it began on are gone, and a
        ``curriculum`` with other stages to come.

        Raises:
            InvalidInput: something else is to be changed, or a value is none that a specification may have.
        """
        return await self._send(calls.change(experiment_id, changes))

    async def clone(
        self, experiment_id: str, overrides: Mapping[str, Any] | None = None, model: str | None = None
    ) -> Experiment:
        """Start an experiment like another one, with fields changed; with ``model`` it starts from that model.

        Raises:
            InvalidInput: the specification of the clone is refused.
        """
        return await self._send(calls.clone(experiment_id, overrides or {}, model))

    async def log(self, experiment_id: str, lines: int = 100) -> str:
        """Return the last lines of an experiment's log, one for each generation."""
        return await self._text(calls.log_path(experiment_id), {"lines": lines})

    async def events(self, experiment_id: str, after: str = "") -> AsyncIterator[Event]:
        """Yield what is committed as it comes, from the start or ``after`` an event's id, until it is deleted.

        Where the connection breaks it is made anew, and goes on after the last event.

        Raises:
            MasterUnreachable: the master does not answer any more.
        """
        while True:
            lines, path = Lines(), calls.events_path(experiment_id)
            try:
                async with self._http.stream("GET", path, params={"after": after}) as response:
                    if not response.is_success:
                        await response.aread()
                    exchange.check(response)
                    async for line in response.aiter_lines():
                        if (event := lines.add(line)) is not None:
                            yield event
                            if event.kind == "deleted":
                                return
                            after = event.id or after
            except httpx.ConnectError as error:
                raise exchange.unreachable(self._http.base_url, error) from error
            except httpx.HTTPError:
                await asyncio.sleep(exchange.RECONNECT_SECONDS)

    async def evaluate(
        self, experiment_id: str, model: str = "best_model.npz", *, episodes: int = 100, seed: int = 0
    ) -> Job:
        """Have a model of an experiment played by the fleet; `wait_for_job` returns what it scores.

        Raises:
            InvalidInput: the experiment has no such model.
        """
        return await self._send(calls.evaluate(experiment_id, model, episodes, seed))

    async def film(self, experiment_id: str, model: str = "best_model.npz", *, seed: int = 0) -> Job:
        """Have an episode of a model filmed by the fleet; `wait_for_job` returns the name of the MP4 file.

        Raises:
            InvalidInput: the experiment has no such model.
        """
        return await self._send(calls.film(experiment_id, model, seed))

    async def job(self, experiment_id: str, number: int) -> Job:
        """Return an evaluation or a video that was asked for."""
        return await self._send(calls.job(experiment_id, number))

    async def jobs(self, experiment_id: str) -> list[Job]:
        """Return the evaluations and videos that were asked for, newest first."""
        return (await self._send(calls.jobs(experiment_id))).jobs

    async def wait_for_job(self, job: Job, poll_seconds: float = 0.5) -> Job:
        """Return an evaluation or a video once it is done or has failed."""
        while job.status.active:
            await asyncio.sleep(poll_seconds)
            job = await self.job(job.experiment_id, job.number)
        return job

    async def environments(self, text: str = "") -> list[OfferedEnvironment]:
        """Return the environments of the fleet; with ``text`` those with all its words in id, family or engine."""
        return (await self._send(calls.environments(text))).environments

    async def version(self) -> dict[str, Any]:
        """Return the master's version and its protocol's."""
        return await self._send(calls.version())

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
        try:
            async with self._http.stream("GET", calls.artifact_path(experiment_id, name)) as response:
                if not response.is_success:
                    await response.aread()
                exchange.check(response)
                with whole_file(path) as file:
                    async for chunk in response.aiter_bytes():
                        file.write(chunk)
        except httpx.HTTPError as error:
            raise exchange.unreachable(self._http.base_url, error) from error
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

    async def submit_study(self, spec: StudySpec | str | Path, key: str | None = None) -> Study:
        """Start a study from a `StudySpec`, or the path of a file.

        The same ``key`` again returns the same study, and nothing is started: so it is safe to try again.

        Raises:
            InvalidInput: a field of it is wrong, or of one of its trials.
        """
        return await self._send(calls.submit_study(spec, key))

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

    async def _text(self, path: str, params: Mapping[str, Any]) -> str:
        try:
            response = await self._http.get(path, params=params)
        except httpx.HTTPError as error:
            raise exchange.unreachable(self._http.base_url, error) from error
        exchange.check(response)
        return response.text

    async def _send(self, call: Call[T]) -> T:
        try:
            response = await self._http.request(**exchange.arguments(call))
        except httpx.HTTPError as error:
            raise exchange.unreachable(self._http.base_url, error) from error
        return exchange.answer(call, response)
