"""A generation's results as bytes, and the same generation learnt again from them: exact, and without a worker."""

from __future__ import annotations

import numpy as np

from seedcast.services.master.dispatch.batch import BatchResult
from seedcast.services.master.evolution.state import Arrays, Evolution
from seedcast.shared.errors import InvalidInput
from seedcast.shared.frame import decode_frame, encode_frame
from seedcast.shared.protocol.arrays import checked_array


def results_frame(result: BatchResult) -> bytes:
    """Return all of a result that learning reads; a rollout that was given up is a NaN in it."""
    arrays: Arrays = {"returns": result.returns, "fitness": result.fitness, "lengths": result.lengths}
    if result.observation_sums is not None and result.observation_squares is not None:
        arrays["observation_sums"] = result.observation_sums
        arrays["observation_squares"] = result.observation_squares
    return encode_frame("{}", arrays)


def replay(evolution: Evolution, frame: bytes) -> None:
    """Take the step that ``evolution`` took when it learnt the results in ``frame``.

    Raises:
        InvalidInput: the frame is damaged, or is not of a generation of such an experiment.
    """
    _, arrays = decode_frame(frame)
    result = BatchResult(
        returns=checked_array(arrays, "returns", np.float64),
        fitness=checked_array(arrays, "fitness", np.float64),
        lengths=checked_array(arrays, "lengths", np.int32),
        observation_sums=arrays.get("observation_sums"),
        observation_squares=arrays.get("observation_squares"),
    )
    rollouts = evolution.strategy.population_size * evolution.spec.episodes_per_member
    if len(result.fitness) != rollouts:
        raise InvalidInput.of("body", f"holds {len(result.fitness)} rollouts, not {rollouts}")
    evolution.strategy.ask()
    evolution.learn(result)
