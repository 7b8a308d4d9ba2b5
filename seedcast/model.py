"""A trained model that acts, without master, worker or environment."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seedcast.shared.errors import InvalidInput
from seedcast.shared.model import Model as StoredModel
from seedcast.shared.model import ModelMetadata

__all__ = ["Model", "ModelMetadata", "read_model"]


class Model:
    """One policy with its parameters: ``Model.load("best_model.npz").act(observation)``.

    A recurrent policy remembers from `act` to `act`; `reset` begins an episode.
    """

    def __init__(self, stored: StoredModel) -> None:
        self.stored = stored
        """What the file holds: parameters, normaliser, and where they came from."""
        self._policy = stored.policy()
        self._lane = self._policy.lanes(1)
        self.reset()

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a model file, ``.npz`` or ``.safetensors``; nothing in it is executed.

        Raises:
            InvalidInput: it is missing, is no model, or its arrays do not fit its own policy.
        """
        return cls(read_model(Path(path)))

    @property
    def parameters(self) -> NDArray[np.float32]:
        """The policy's parameters ``(dimension,)``."""
        return self.stored.parameters

    @property
    def metadata(self) -> ModelMetadata:
        """The environment, the policy, and where the model came from."""
        return self.stored.metadata

    def reset(self) -> None:
        """Begin an episode: forget what a recurrent policy remembers."""
        self._lane.load(0, self.stored.parameters[None, :])

    def act(self, observation: ArrayLike) -> NDArray[Any]:
        """Return the action for one observation, which is flattened to ``(observation_size,)`` as in training.

        A discrete action is an integer ``()``, counted from 0; several choices at once are integers
        ``(choices,)``; a continuous one is float32 ``(actions,)`` within the environment's bounds.

        Raises:
            InvalidInput: the observation has another size, or is not finite.
        """
        seen = np.asarray(observation, np.float32).reshape(1, -1)
        if seen.shape[1] != self._policy.observation_size:
            reason = f"has {seen.shape[1]} values, the policy takes {self._policy.observation_size}"
            raise InvalidInput.of("observation", reason)
        if not np.isfinite(seen).all():
            raise InvalidInput.of("observation", "has values that are not finite")
        if self.stored.normaliser is not None:
            seen = self.stored.normaliser(seen)
        actions: NDArray[Any] = self._policy.head(self._lane.outputs(seen).copy())
        return np.asarray(actions[0])


def read_model(path: Path) -> StoredModel:
    """Read a model file of either kind.

    Raises:
        InvalidInput: it is missing, is no model, or its arrays do not fit its own policy.
    """
    if path.suffix != ".safetensors":
        return StoredModel.load(path)
    from seedcast.interchange.tensors import read_safetensors

    return read_safetensors(path)
