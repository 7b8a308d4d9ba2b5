"""How long a rollout takes, learnt from replies: of each experiment, and of each worker beside the others."""

from __future__ import annotations

import math
from collections.abc import Iterable

from seedcast.services.master.scheduling.experiment import Experiment
from seedcast.services.master.scheduling.pool import Pool
from seedcast.services.master.scheduling.pool_worker import PoolWorker
from seedcast.services.master.scheduling.tuning import Tuning


def learn(experiment: Experiment, worker: PoolWorker, rollouts: int, busy_seconds: float, of: int | None) -> None:
    """Take in that ``rollouts`` rollouts have kept a worker's slot busy for so long.

    They are of a generation ``of`` so many; None: of a test.
    """
    if not (math.isfinite(busy_seconds) and busy_seconds >= 0):
        return
    seconds, known = max(1e-6, busy_seconds / rollouts), experiment.seconds
    if known is None:
        experiment.seconds = seconds / worker.slowness
        experiment.averaged, experiment.window = rollouts, of or rollouts
        return
    _slower(worker, seconds / known, told=rollouts * max(seconds, known))
    typical = min(max(seconds / worker.slowness, known / 2), known * 2)  # one odd worker must not mislead all
    experiment.window = of or experiment.window
    experiment.averaged = min(experiment.averaged + rollouts, max(experiment.window, rollouts))
    experiment.seconds = known + (typical - known) * rollouts / experiment.averaged


def learn_least(experiment: Experiment, worker: PoolWorker, rollouts: int, seconds: float) -> None:
    """Take in that ``rollouts`` would have taken a slot longer than ``seconds``: their unit was cancelled.

    A slow worker's last units are those that are cancelled: without them it would seem quicker than it is.
    """
    known = experiment.seconds
    if known is not None and seconds / rollouts > worker.slowness * known:
        _slower(worker, seconds / rollouts / known, told=seconds)


def normalise(pool: Pool, experiments: Iterable[Experiment], tuning: Tuning) -> None:
    """Make the median relative slowness 1 again; what each worker is expected to take stays the same."""
    slownesses = sorted(worker.slowness for worker in pool if worker.answered)
    median = slownesses[(len(slownesses) - 1) // 2] if slownesses else 1.0
    if abs(median - 1.0) <= tuning.median_tolerance:
        return
    for worker in pool.change_all():
        if worker.answered:
            worker.slowness /= median
    for experiment in experiments:
        if experiment.seconds is not None:
            experiment.seconds *= median


def _slower(worker: PoolWorker, times: float, told: float) -> None:
    """Take in that a worker took so many times as long as the median one, for ``told`` seconds."""
    weight = worker.tuning.slowness_weight * min(1.0, told / worker.tuning.telling_seconds)
    worker.slowness += weight * (min(times, 1000.0) - worker.slowness)
    worker.slowness = max(worker.slowness, 1e-3)
