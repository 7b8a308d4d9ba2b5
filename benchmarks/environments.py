"""`python -m benchmarks.environments`: hold all that EnvPool offers, once, to what episodes promise.

Prints a line of CSV each: the family, the id, sizes, whether six episodes are the same alone and together (to the
bit), whether the same seed gives the same episode, and whether other seeds give others. A family may be named.
"""

from __future__ import annotations

import sys
import time
import warnings
from typing import cast

import numpy as np

from seedcast.services.worker.environments import registry
from seedcast.services.worker.environments.contract import ROWS, SEEDS, EnvironmentContract
from seedcast.services.worker.environments.envpool_families import OFFERED
from seedcast.services.worker.environments.envpool_package import modules
from seedcast.shared.errors import InvalidInput
from seedcast.shared.protocol import UnitResult

COLUMNS = (
    "family,id,observation_size,actions,alone_as_together,same_seed_same_episode,seeds_take_effect,seconds,note"
)


def main() -> None:
    """Check all, or those of the families that are named."""
    warnings.simplefilter("ignore")
    wanted = sys.argv[1:] or list(OFFERED.values())
    print(COLUMNS)
    for family in wanted:
        for id_ in sorted(registry.ENGINES["envpool"].available()):
            if OFFERED[modules()[id_]] == family:
                print(line(family, id_), flush=True)


def line(family: str, id_: str) -> str:
    """Check one environment."""
    settings = {"id": id_, "engine": "envpool", "steps": 30}
    tests = cast(type[EnvironmentContract], type("Tests", (EnvironmentContract,), settings))
    started = time.perf_counter()
    try:
        description = registry.describe(tests.spec())
        together: UnitResult = tests.run(SEEDS, ROWS, collect_statistics=True)
        alone = [tests.run([seed], [row], collect_statistics=True) for seed, row in zip(SEEDS, ROWS, strict=True)]
    except InvalidInput as error:
        return f"{family},{id_},,,,,,,refused: {error.errors[0].reason}".replace("\n", " ")
    seconds = time.perf_counter() - started
    seen = together.observation_sums
    if together.failures or seen is None:
        return f"{family},{id_},,,,,,{seconds:.1f},{together.failures[0].message}".replace("\n", " ")
    lonely = np.concatenate([one.observation_sums for one in alone if one.observation_sums is not None])
    same = np.array_equal(seen, lonely)
    repeats = np.array_equal(seen[0], seen[3])
    varies = not np.array_equal(seen[0], seen[4])
    size, kind = description.observation_size, description.actions.kind
    return f"{family},{id_},{size},{kind},{same},{repeats},{varies},{seconds:.1f},"


if __name__ == "__main__":
    main()
