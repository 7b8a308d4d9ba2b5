"""What becomes of rollouts whose unit failed or was lost: sent again, run alone, or given up.

A unit that fails names rollouts, but where it cost a worker its slot any of them may be to blame. So each is run
alone, on another worker where there is one, and the one that fails alone again is given up: three slots at most.
"""

from __future__ import annotations

from seedcast.services.master.scheduling.instructions import Send
from seedcast.services.master.scheduling.job import Job
from seedcast.services.master.scheduling.tuning import Tuning
from seedcast.shared.protocol import Failure


def after_failure(
    job: Job, send: Send, failed: dict[int, Failure], tuning: Tuning
) -> tuple[dict[int, Failure], int]:
    """Have what failed run alone, or give it up; return what was given up, and how many are retried."""
    alone, retried = len(send.rollouts) == 1, 0
    given_up: dict[int, Failure] = {}
    for rollout, failure in failed.items():
        job.strikes[rollout] += 1
        job.strikes_alone[rollout] += alone
        if job.copies[rollout]:
            continue  # its other copy decides
        tries = job.strikes_alone[rollout]
        if tries >= tuning.attempts_alone or (alone and job.strikes[rollout] >= tuning.strikes):
            given_up[rollout] = failure
        else:
            retried += 1
            job.suspect(rollout, send.worker, soon=alone)  # nearly known: find out at once
    job.give_up(given_up)
    return given_up, retried


def after_loss(job: Job, send: Send, tuning: Tuning) -> tuple[dict[int, Failure], int]:
    """Have the rollouts of a lost unit sent again; return what was given up, and how many are retried."""
    job.losses.update(send.rollouts)
    rollouts = job.homeless(send.rollouts)
    if len(send.rollouts) == len(rollouts) == 1 and job.losses[rollouts[0]] >= tuning.losses_alone:
        failure = Failure(kind="crash", message=f"its worker was lost {tuning.losses_alone} times", rollouts=[0])
        job.give_up(rollouts)
        return {rollouts[0]: failure}, 0
    suspects = {r for r in rollouts if job.losses[r] >= tuning.losses_together or job.strikes_alone[r]}
    for rollout in sorted(suspects):
        job.suspect(rollout, send.worker, soon=False)
    job.put_back([rollout for rollout in rollouts if rollout not in suspects])
    return {}, len(rollouts)
