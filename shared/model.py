"""A trained model as one ``.npz`` file: everything needed to replay it, nothing executable.

Arrays: ``parameters (dimension,)`` float32, ``normaliser_mean`` and ``normaliser_std (observation_size,)``
float32 where observations are normalised, and ``metadata``, a JSON text with the environment, its description,
the policy, and where the model came from. Of an objective ``parameters`` is the point of the search space, and
``solution (dimension,)`` float32 what the objective gets for it: the same but for bounds.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, model_validator

from seedcast.shared.errors import InvalidInput
from seedcast.shared.observation_stats import Normaliser
from seedcast.shared.policies.base import Policy
from seedcast.shared.spec.environment import EnvironmentDescription, EnvironmentSpec
from seedcast.shared.spec.objective import ObjectiveDescription, ObjectiveSpec
from seedcast.shared.spec.policy import AnyPolicySpec, build_policy
from seedcast.shared.spec.task import TaskDescription, TaskFields, search_space
from seedcast.shared.validation import contradiction


class ModelMetadata(TaskFields, BaseModel):
    """What the arrays mean and where they came from."""

    model_config = ConfigDict(frozen=True)

    environment: EnvironmentSpec | None = None
    description: TaskDescription
    policy: AnyPolicySpec | None = None
    objective: ObjectiveSpec | None = None
    experiment: str = ""
    seed: int = 0
    generation: int = 0
    environment_steps: int = 0
    observation_count: int = 0
    """Observations behind the normaliser: its weight when training goes on from here."""
    test_return: float | None = None

    @model_validator(mode="after")
    def _one_task(self) -> Self:
        self.check_task()
        if (self.objective is not None) != isinstance(self.description, ObjectiveDescription):
            raise contradiction("description", "is not of this task")
        return self

    @property
    def spaces(self) -> EnvironmentDescription:
        """What the environment observes and takes.

        Raises:
            InvalidInput: it is of an objective, which has none.
        """
        if isinstance(self.description, ObjectiveDescription):
            raise InvalidInput.of(
                "model", "is a solution of an objective, and acts in no environment", self.task_id
            )
        return self.description


class Model(BaseModel):
    """Parameters and normaliser of one policy, ready to act."""

    model_config = ConfigDict(arbitrary_types_allowed=True, frozen=True)

    parameters: NDArray[np.float32]
    normaliser: Normaliser | None
    metadata: ModelMetadata

    def policy(self) -> Policy:
        """Build the policy that the parameters belong to.

        Raises:
            InvalidInput: they are a solution of an objective.
        """
        spaces = self.metadata.spaces
        return build_policy(self.metadata.rollouts.policy, spaces)

    @property
    def solution(self) -> NDArray[np.float32]:
        """What an objective gets for the parameters ``(dimension,)``; a policy's parameters themselves."""
        described = self.metadata.description
        if isinstance(described, ObjectiveDescription):
            return np.asarray(described.solutions(self.parameters[None])[0])
        return self.parameters

    def to_bytes(self) -> bytes:
        """Return the file's content."""
        arrays: dict[str, NDArray[Any]] = {
            "parameters": self.parameters,
            "metadata": np.array(self.metadata.model_dump_json()),
        }
        if self.metadata.objective is not None:
            arrays["solution"] = self.solution
        if self.normaliser is not None:
            arrays |= {"normaliser_mean": self.normaliser.mean, "normaliser_std": self.normaliser.std}
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **arrays)
        return buffer.getvalue()

    @classmethod
    def load(cls, path: Path) -> Model:
        """Read and check a model file.

        Raises:
            InvalidInput: the file is missing, is no model, or its arrays do not fit its own policy.
        """
        try:
            with path.open("rb") as file:
                return cls.read(file, path.name)
        except FileNotFoundError:
            raise InvalidInput.of("model", "there is no such file", path.name) from None
        except OSError as error:
            raise InvalidInput.of("model", f"cannot be read: {error.strerror}", path.name) from error

    @classmethod
    def read(cls, file: BinaryIO, name: str) -> Model:
        """Read and check an open model file; ``name`` is what errors call it.

        Raises:
            InvalidInput: it is no model, or its arrays do not fit its own policy.
        """
        try:
            model = cls._read(file)
        except Exception as error:  # zipfile, zlib and numpy raise what they stumble over
            reason = f"is not a model file ({type(error).__name__})"
            raise InvalidInput.of("model", reason, name) from error
        expected = search_space(model.metadata, model.metadata.description).dimension
        if model.parameters.shape != (expected,):
            needs = "objective" if model.metadata.objective is not None else "policy"
            reason = f"has parameters of shape {model.parameters.shape}, its {needs} needs ({expected},)"
            raise InvalidInput.of("model", reason, name)
        size = model.metadata.spaces.observation_size if model.normaliser else 0
        if model.normaliser and not model.normaliser.mean.shape == model.normaliser.std.shape == (size,):
            reason = f"has a normaliser of shape {model.normaliser.mean.shape}, its environment needs ({size},)"
            raise InvalidInput.of("model", reason, name)
        if not np.isfinite(model.parameters).all():
            raise InvalidInput.of("model", "has parameters that are not finite", name)
        if model.normaliser and (fault := model.normaliser.fault()):
            raise InvalidInput.of("model", f"its normaliser {fault}", name)
        return model

    @classmethod
    def _read(cls, source: BinaryIO) -> Model:
        file = np.load(source, allow_pickle=False)
        if not isinstance(file, NpzFile):
            raise TypeError("one array, not a file of several")
        with file as arrays:
            metadata = ModelMetadata.model_validate_json(str(arrays["metadata"]))
            parameters = arrays["parameters"].astype(np.float32, casting="same_kind")
            normaliser = None
            if "normaliser_mean" in arrays:
                mean, std = arrays["normaliser_mean"], arrays["normaliser_std"]
                normaliser = Normaliser(
                    mean.astype(np.float32, casting="same_kind"), std.astype(np.float32, casting="same_kind")
                )
        return cls(parameters=parameters, normaliser=normaliser, metadata=metadata)
