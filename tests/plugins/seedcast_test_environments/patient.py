"""An environment that waits, as for a simulator elsewhere: it takes time, and hardly any of the CPU's."""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np
from gymnasium.envs.classic_control.cartpole import CartPoleEnv
from numpy.typing import NDArray


class Patient(CartPoleEnv):
    """CartPole; how long it waits has no part in what happens."""

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Wait, then begin an episode."""
        time.sleep(float(os.environ.get("SEEDCAST_TEST_PATIENCE", "0")))
        observation, info = super().reset(seed=seed, options=options)
        return np.asarray(observation, np.float32), info
