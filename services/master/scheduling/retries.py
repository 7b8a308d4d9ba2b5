"""What becomes of rollouts whose unit failed or was lost: sent again, run alone, or given up.

A unit that fails names rollouts, but where it cost a worker its slot any of them may be to blame. So each is run
alone, on another worker where there is one, and the one that fails alone again is given up: three slots at most.
"""

from __future__ import annotations

from services.master.scheduling.instructions import Send
from services.master.scheduling.job import Job
from shared.protocol import Failure

MAX_ATTEMPTS_ALONE = 2
"""A rollout that fails this often on its own is given up (on two workers, where there are two)."""

MAX_STRIKES = 3
"""A rollout that fails on its own is given up as well once so many units with it have failed, of whatever size."""

HOPELESS = 3
"""A job whose first so many results are all failures is hopeless: its environment fails everywhere."""

LOSSES_TOGETHER = 3
"""A unit lost this often (its worker went away under it) has its rollouts run alone: one may be what kills it."""

LOSSES_ALONE = 10
"""A rollout lost this often, at last on its own, is given up. Mere bad luck does not get there."""


def strike(job: Job, send: Send, failed: dict[int, Failure]) -> tuple[dict[int, Failure], int]:
    """Have what failed run alone, or give it up; return what was given up, and how many are retried."""
    alone, retried = len(send.rollouts) == 1, 0
    given_up: dict[int, Failure] = {}
    for rollout, failure in failed.items():
        job.strikes[rollout] += 1
        job.strikes_alone[rollout] += alone
        if job.copies[rollout]:
            continue  # its other copy decides
        tries = job.strikes_alone[rollout]
        if tries >= MAX_ATTEMPTS_ALONE or (alone and job.strikes[rollout] >= MAX_STRIKES):
            given_up[rollout] = failure
        else:
            retried += 1
            job.suspect(rollout, send.worker, soon=alone)  # nearly known: find out at once
    job.give_up(given_up)
    return given_up, retried


def lose(job: Job, send: Send) -> tuple[dict[int, Failure], int]:
    """Have the rollouts of a lost unit sent again; return what was given up, and how many are retried."""
    job.losses.update(send.rollouts)
    rollouts = job.nowhere(send.rollouts)
    if len(send.rollouts) == len(rollouts) == 1 and job.losses[rollouts[0]] >= LOSSES_ALONE:
        failure = Failure(kind="crash", message=f"its worker was lost {LOSSES_ALONE} times", rollouts=[0])
        job.give_up(rollouts)
        return {rollouts[0]: failure}, 0
    suspects = {r for r in rollouts if job.losses[r] >= LOSSES_TOGETHER or job.strikes_alone[r]}
    for rollout in sorted(suspects):
        job.suspect(rollout, send.worker, soon=False)
    job.put_back([rollout for rollout in rollouts if rollout not in suspects])
    return {}, len(rollouts)


def hopeless(job: Job) -> bool:
    """Whether nothing of a job has ever worked, and nothing will."""
    return not job.done and job.given_up >= min(HOPELESS, job.rollouts)
