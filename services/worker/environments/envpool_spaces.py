"""EnvPool's own environments as flat observations and actions.

An observation of several arrays is flattened array by array, in the order of their names; integers and grids of
them become floats as they are. An action of several integers is several choices, counted from the lowest values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from seedcast.services.worker.environments.spaces import action_space
from seedcast.shared.errors import InvalidInput
from seedcast.shared.spec.environment import ActionSpace, MultiDiscreteActions

LARGEST_OBSERVATION = 10_000
IMAGE_VALUES = 1000
"""An array of bytes with three dimensions and more values than this is an image."""

FILE_WORDS = frozenset({"assets", "cfg", "dir", "file", "filename", "folder", "path", "rom", "wad", "xml"})


@dataclass(frozen=True)
class Observed:
    """The arrays of an observation, by their names in EnvPool's state, in the order of flattening."""

    names: tuple[str, ...]
    size: int

    @classmethod
    def of(cls, pool_spec: Any) -> Self:  # noqa: ANN401 - EnvPool has no types
        """Read a specification of EnvPool.

        Raises:
            InvalidInput: it observes images, or more values than anybody wants as a vector.
        """
        arrays = {
            name: spec for name, spec in pool_spec.state_array_spec.items() if name.partition(":")[0] == "obs"
        }
        sizes = {name: _size(spec.shape) for name, spec in arrays.items()}
        for name, spec in arrays.items():
            if spec.dtype == np.uint8 and len(spec.shape) > 2 and sizes[name] > IMAGE_VALUES:
                raise _refusal(f"observes images of shape {tuple(spec.shape)}, which no policy here takes")
        if (size := sum(sizes.values())) > LARGEST_OBSERVATION:
            raise _refusal(f"observes {size} values, over the limit of {LARGEST_OBSERVATION}")
        return cls(tuple(sorted(arrays)), size)


def flat(arrays: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
    """Flatten arrays ``(n, ...)`` side by side."""
    if len(arrays) == 1:
        return np.ascontiguousarray(arrays[0].reshape(len(arrays[0]), -1), np.float32)
    return np.concatenate([one.reshape(len(one), -1).astype(np.float32) for one in arrays], axis=1)


def actions_of(pool_spec: Any) -> ActionSpace:  # noqa: ANN401 - EnvPool has no types
    """Return the actions that a policy gives.

    Raises:
        InvalidInput: they are of a kind that no policy gives.
    """
    if "action" not in pool_spec.action_array_spec:
        raise _refusal("takes actions of several names, which no policy here gives")
    space = pool_spec.gymnasium_action_space
    if isinstance(space, spaces.Box) and np.issubdtype(space.dtype, np.integer):
        return MultiDiscreteActions(counts=(space.high.astype(int) - space.low.astype(int) + 1).ravel().tolist())
    return action_space(space)


class Actions:
    """Turns a policy's actions into EnvPool's."""

    def __init__(self, pool_spec: Any) -> None:  # noqa: ANN401 - EnvPool has no types
        array = pool_spec.action_array_spec["action"]
        self._type = array.dtype
        self._shape = tuple(size for size in array.shape if size != -1)
        space = pool_spec.gymnasium_action_space
        integer = isinstance(space, spaces.Box) and np.issubdtype(space.dtype, np.integer)
        self._lowest = space.low.ravel() if integer else None

    def __call__(self, actions: NDArray[Any]) -> NDArray[Any]:
        """Return actions ``(n, ...)`` in EnvPool's shape, type and counting."""
        if self._lowest is not None:
            actions = actions + self._lowest
        return actions.reshape(len(actions), *self._shape).astype(self._type, order="C", copy=False)


def names_a_file(name: str, value: object) -> bool:
    """Say whether a setting of EnvPool's names a file or folder of the machine, by its name or its default."""
    if FILE_WORDS & set(name.lower().split("_")):
        return True
    return isinstance(value, str) and ("/" in value or value.endswith((".xml", ".cfg", ".wad", ".bin", ".json")))


def _size(shape: Sequence[int]) -> int:
    return math.prod(size for size in shape if size != -1)


def _refusal(reason: str) -> InvalidInput:
    return InvalidInput.of("environment.id", reason)
