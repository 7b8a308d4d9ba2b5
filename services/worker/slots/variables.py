"""The environment variables that a slot begins with."""

from __future__ import annotations

import os

ENVIRONMENT = {
    # One thread: a slot is one core, and a product split over threads adds up in another order.
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    # An environment that iterates over a set of strings must do so in the same order in every slot.
    "PYTHONHASHSEED": "0",
    # Nobody looks at its screen.
    "MPLBACKEND": "Agg",
    "PYGAME_HIDE_SUPPORT_PROMPT": "1",
    "SDL_AUDIODRIVER": "dummy",
    "SDL_VIDEODRIVER": "dummy",
}
"""Of a slot, whatever the worker's own is."""

ALLOCATOR = "glibc.malloc.tcache_count=2000"
"""What EnvPool's thread allocates, the engine's frees: thousands of small arrays a step, more than the allocator
keeps at hand for either. It is a tenth of CartPole's time."""


def slot_environment() -> dict[str, str]:
    """Return the environment variables of a slot of this worker."""
    tunables = [os.environ["GLIBC_TUNABLES"]] if os.environ.get("GLIBC_TUNABLES") else []
    return os.environ | ENVIRONMENT | {"GLIBC_TUNABLES": ":".join([ALLOCATOR, *tunables])}
