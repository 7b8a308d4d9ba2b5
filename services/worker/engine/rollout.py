"""From a unit to its result, in one process and one thread.

Each rollout is a pure function of (environment, policy, normaliser, parameters, seed): the same bits alone
or in any company, because no number of one lane ever enters a computation of another.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from functools import cache

import numpy as np
from threadpoolctl import ThreadpoolController

from seedcast.services.worker.engine.tally import Tally
from seedcast.services.worker.engine.window import Window
from seedcast.services.worker.environments.answers import FOREIGN
from seedcast.services.worker.environments.base import LaneFailure
from seedcast.services.worker.environments.registry import describe, lanes_at_once, open_lanes
from seedcast.shared.errors import InvalidInput
from seedcast.shared.policies.base import Policy
from seedcast.shared.protocol import Unit, UnitResult
from seedcast.shared.spec.environment import EnvironmentDescription
from seedcast.shared.spec.policy import build_policy

Check = Callable[[], None]
"""Called before every step; it may raise to end the unit."""


def run_unit(unit: Unit, check: Check = lambda: None) -> UnitResult:
    """Run every rollout of a unit, unless ``check``, called before every step, raises.

    Raises:
        InvalidInput: the environment, the policy, the parameters or the normaliser do not fit each other.
    """
    started = time.perf_counter()
    description = describe(unit.header.rollouts.environment)
    policy = build_policy(unit.header.rollouts.policy, description)
    _check(unit, policy, description)
    tally = Tally(len(unit), description.observation_size if unit.header.collect_statistics else None)
    try:
        # What is not finite is found and named, so numpy need not print of it.
        with one_thread(), np.errstate(all="ignore"):
            _run(unit, policy, description, tally, check)
    except FOREIGN as error:  # an engine broke as a whole: nobody knows which of its lanes to blame
        failure = LaneFailure.of(error)
        return UnitResult.failed(len(unit), failure.kind, failure.message, time.perf_counter() - started)
    return tally.result(time.perf_counter() - started)


def _run(unit: Unit, policy: Policy, description: EnvironmentDescription, tally: Tally, check: Check) -> None:
    together = lanes_at_once(unit.header.rollouts.environment)
    for start in range(0, len(unit), together):
        check()
        seeds = unit.seeds[start : start + together].tolist()
        with closing(open_lanes(unit.header.rollouts.environment, seeds)) as lanes:
            Window(unit, policy, description, lanes, tally, start, len(seeds)).run(check)


def _check(unit: Unit, policy: Policy, description: EnvironmentDescription) -> None:
    given, needed = unit.parameters.shape[1], policy.dimension
    if given != needed:
        raise InvalidInput.of("parameters", f"has rows of {given} values, the policy has {needed} parameters")
    if unit.normaliser is None:
        return
    shape = (description.observation_size,)
    for name, array in (("mean", unit.normaliser.mean), ("std", unit.normaliser.std)):
        if array.shape != shape:
            raise InvalidInput.of(f"normaliser_{name}", f"needs shape {shape}, has {array.shape}")


def one_thread() -> AbstractContextManager[object]:
    """Keep BLAS to one thread: a product split over several adds up in another order."""
    return _thread_pools().limit(limits=1)  # type: ignore[no-any-return]


@cache
def _thread_pools() -> ThreadpoolController:
    return ThreadpoolController()
