"""Why an experiment that is to train does not go on now, as people are told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from seedcast.services.master.experiments.schemas import Experiment
from seedcast.services.master.experiments.status import Status
from seedcast.services.master.fleet.fleet import Fleet
from seedcast.services.master.fleet.worker import Worker


class Hindrance(TypedDict):
    """What is shown in place of what is stored."""

    status: Status
    reason: str


def hindrance(stored: Status, blocked: str | None, bound_to: str | None, fleet: Fleet) -> Hindrance | None:
    """Return what keeps an experiment from going on: what it is ``blocked`` by, or a lack of workers.

    ``bound_to`` is the fingerprint of the machines that it keeps to, if it does. None where nothing keeps it, or
    where it is not to go on.
    """
    if not stored.active:
        return None
    if blocked:
        return {"status": Status.BLOCKED, "reason": blocked}
    if stored is Status.RUNNING and (reason := _waits_for(bound_to, fleet.ready)):
        return {"status": Status.WAITING, "reason": reason}
    return None


def bound_to(experiment: Experiment) -> str | None:
    """Return the fingerprint of the machines that an experiment began on, where it uses no others."""
    strict = experiment.spec.determinism == "strict"
    return experiment.fingerprints[0] if strict and experiment.fingerprints else None


def _waits_for(bound_to: str | None, ready: Sequence[Worker]) -> str | None:
    if not ready:
        return "no worker answers"
    others = {worker.fingerprint for worker in ready}
    if bound_to is None or bound_to in others:
        return None
    return (
        f"it began on machines with the fingerprint {bound_to}; the workers that answer "
        f"have {', '.join(sorted(others))} (determinism: strict, which may be "
        "changed to relaxed while it is paused)"
    )
