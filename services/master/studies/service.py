"""What can be done with studies. Each active one has a task that does what `plan` says."""

from __future__ import annotations

import asyncio
import logging
import secrets
from contextlib import suppress

from seedcast.services.master.experiments.changes import Changes
from seedcast.services.master.experiments.estimate import Estimate
from seedcast.services.master.experiments.service import ExperimentService
from seedcast.services.master.studies.plan import (
    Extend,
    Finish,
    Instruction,
    RunKey,
    RunState,
    Start,
    Stop,
    decide,
)
from seedcast.services.master.studies.report import Axis, as_csv, curves, report
from seedcast.services.master.studies.repository import StudyRepository
from seedcast.services.master.studies.schemas import Study, StudyCurves, StudyEstimate, StudyReport, StudyStatus
from seedcast.services.master.submissions import Submissions, used_for_another
from seedcast.shared.errors import Conflict, InvalidInput, NotFound, StorageFailed
from seedcast.shared.spec.study import StudySpec

LOOK_SECONDS = 1.0
"""How often a study looks at its runs."""

log = logging.getLogger(__name__)


class StudyService:
    """Creates, runs, shows, stops and deletes studies. Their runs are experiments of the experiments' service."""

    def __init__(self, repository: StudyRepository, experiments: ExperimentService) -> None:
        self._repository = repository
        self._experiments = experiments
        self._submissions = Submissions()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._wake: dict[str, asyncio.Event] = {}
        """Set: look now."""

    async def create(self, spec: StudySpec, key: str | None = None) -> Study:
        """Check every trial's specification, and start the study.

        The same ``key`` again gives the same study, and nothing is started.

        Raises:
            InvalidInput: a trial breaks a rule, or no worker has the environment of the first; or the key was
                used for another specification.
            StorageFailed: the disk does not take it; there is no such study then.
        """
        if key is None:
            return await self._create(spec, None)
        async with self._submissions.alone(key):
            used = await self._repository.of_key(key)
            if used is None:
                return await self._create(spec, key)
            if used.spec != spec:
                raise used_for_another(key)
            return used

    async def _create(self, spec: StudySpec, key: str | None) -> Study:
        await self._check(spec)
        study_id = f"{spec.name}-{secrets.token_hex(3)}"
        await self._repository.add(study_id, spec, key)
        self._start(study_id)
        return await self._repository.get(study_id)

    async def estimate(self, spec: StudySpec) -> StudyEstimate:
        """Check a study as `create` does, and say what it would take; nothing is started.

        Raises:
            InvalidInput: it would be refused.
        """
        first = await self._check(spec)
        trials = spec.trial_count
        steps = spec.most_steps
        pace = first.steps_per_second
        seconds = steps / pace if pace else None
        each = first.core_hours / first.seconds if first.core_hours and first.seconds else None
        used = None if seconds is None or each is None else seconds * each
        limit = spec.budget.core_hours
        return StudyEstimate(
            trials=trials,
            runs=trials * len(spec.seed_list),
            environment_steps=steps,
            seconds=seconds,
            core_hours=used if used is None or limit is None else min(used, limit),
        )

    async def _check(self, spec: StudySpec) -> Estimate:
        """Check every trial's specification, and estimate the first one's run."""
        await asyncio.to_thread(spec.check)
        return await self._experiments.estimate(spec.experiment(0, spec.seed_list[0], spec.rungs()[0]))

    async def get(self, study_id: str) -> Study:
        """Return one study.

        Raises:
            NotFound: there is no such study.
        """
        return await self._repository.get(study_id)

    async def list(self) -> list[Study]:
        """Return all studies, newest first."""
        return await self._repository.list()

    async def report(self, study_id: str) -> StudyReport:
        """Return a study with its trials and how they compare.

        Raises:
            NotFound: there is no such study.
        """
        study = await self._repository.get(study_id)
        runs = await self._repository.runs(study_id, with_tests=True)
        return await asyncio.to_thread(report, study, runs)

    async def curves(self, study_id: str, against: Axis) -> StudyCurves:
        """Return a study's curves.

        Raises:
            NotFound: there is no such study.
        """
        study = await self._repository.get(study_id)
        runs = await self._repository.runs(study_id, with_tests=True)
        return StudyCurves(against=against, curves=await asyncio.to_thread(curves, study.spec, runs, against))

    async def csv(self, study_id: str) -> str:
        """Return a study's runs, one a line.

        Raises:
            NotFound: there is no such study.
        """
        study = await self._repository.get(study_id)
        return as_csv(study, await self._repository.runs(study_id, with_tests=True))

    async def stop(self, study_id: str) -> Study:
        """Stop a study and those of its runs that have not ended.

        Raises:
            NotFound: there is no such study.
            Conflict: it has ended already.
            StorageFailed: the disk does not take it.
        """
        study = await self._repository.get(study_id)
        if study.status is not StudyStatus.ACTIVE:
            raise Conflict(f"study {study_id} has ended already: {study.status}")
        await self._repository.settle(study_id, StudyStatus.STOPPED, "stopped on request")
        if task := self._tasks.get(study_id):  # it finishes what it has begun: no run goes unnoted
            self._wake[study_id].set()
            await asyncio.wait([task])
        for key, run in (await self._repository.runs(study_id, with_tests=False)).items():
            if run.state is RunState.ACTIVE:
                await self._perform(study, Stop(key), {key: run.experiment_id})
        return await self._repository.get(study_id)

    async def delete(self, study_id: str, *, runs: bool = False) -> None:
        """Delete a study that has ended; its runs only if that is asked for.

        Raises:
            NotFound: there is no such study.
            Conflict: it is active.
            StorageFailed: the disk does not take it.
        """
        study = await self._repository.get(study_id)
        if study.status is StudyStatus.ACTIVE:
            raise Conflict(f"study {study_id} is active: stop it first")
        for run in (await self._repository.runs(study_id, with_tests=False)).values() if runs else ():
            if run.experiment_id is not None:
                with suppress(NotFound):
                    await self._experiments.delete(run.experiment_id, force=True)
        await self._repository.remove(study_id)

    async def resume_all(self) -> None:
        """Go on with every active study."""
        for study in await self._repository.list():
            if study.status is StudyStatus.ACTIVE:
                self._start(study.id)

    async def close(self) -> None:
        """Let go of all studies; they stay active, for the next master to go on with."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, study_id: str) -> None:
        task = asyncio.create_task(self._drive(study_id), name=f"study {study_id}")
        self._tasks[study_id], self._wake[study_id] = task, asyncio.Event()
        task.add_done_callback(lambda _: self._forget(study_id))

    def _forget(self, study_id: str) -> None:
        self._tasks.pop(study_id, None)
        self._wake.pop(study_id, None)

    async def _drive(self, study_id: str) -> None:
        """Do what the plan says until the study is over; what the disk refuses is tried again."""
        while True:
            try:
                if await self._step(study_id):
                    return
            except StorageFailed as error:
                log.warning("study %s waits for the disk: %s", study_id, error)
            except Exception:
                log.exception("study %s could not go on; it is tried again", study_id)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake[study_id].wait(), LOOK_SECONDS)

    async def _step(self, study_id: str) -> bool:
        """Do what is to be done now; return whether the study is over."""
        study = await self._repository.get(study_id)
        if study.status is not StudyStatus.ACTIVE:
            return True
        runs = await self._repository.runs(study_id, with_tests=study.spec.halving is not None)
        ids = {key: run.experiment_id for key, run in runs.items()}
        planned = {key: run.planned() for key, run in runs.items()}
        for instruction in await asyncio.to_thread(decide, study.spec, planned):
            if isinstance(instruction, Finish):
                await self._repository.settle(study_id, StudyStatus.COMPLETED, instruction.reason)
                log.info("study %s: %s", study_id, instruction.reason)
                return True
            await self._perform(study, instruction, ids)
        return False

    async def _perform(self, study: Study, instruction: Instruction, ids: dict[RunKey, str | None]) -> None:
        match instruction:
            case Start(key, steps):
                await self._begin(study, key, steps)
            case Extend(key, steps):
                changes = Changes(stop={"environment_steps": steps})
                await self._experiments.change(ids[key] or "", changes)
            case Stop(key):
                with suppress(Conflict, NotFound):  # it has just ended by itself, or is gone
                    await self._experiments.stop(ids[key] or "")

    async def _begin(self, study: Study, key: RunKey, steps: int) -> None:
        """Create a run's experiment: one, by the submission's key, whenever this is cut off."""
        try:
            spec = study.spec.experiment(key.trial, key.seed, steps)
            tags = {"study": study.id, "trial": str(key.trial)} | spec.tags
            tagged = spec.model_copy(update={"tags": tags})
            experiment = await self._experiments.create(tagged, f"study/{study.id}/{key.trial}/{key.seed}")
        except InvalidInput as error:
            await self._repository.add_run(study.id, key, None, str(error))
        else:
            await self._repository.add_run(study.id, key, experiment.id)
