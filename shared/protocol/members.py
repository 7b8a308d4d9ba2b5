"""The members of a unit on the wire: parameter rows, or the (mean, σ, counter keys) that they are made of."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from seedcast.shared.errors import InvalidInput, ProtocolMismatch
from seedcast.shared.perturbations import GaussianMembers, Members, NoiseKey
from seedcast.shared.protocol.arrays import checked_array

LARGEST_NORMAL = 10.0
"""No float32 standard normal is as large: the tail is drawn from logarithms of multiples of 2⁻²⁴."""

_SAMPLE = 4
_TOLERANCE = 1e-4
"""Another algorithm is far off; another processor's logarithm is not."""


class PopulationHeader(BaseModel):
    """How the members of a unit are described."""

    model_config = ConfigDict(frozen=True)

    population: Literal["rows", "gaussian"] = Field(
        default="rows",
        description="How members are described: as explicit parameter rows (`parameters`), or as `mean` and "
        "`sigma` whose perturbations the worker draws by `noise` and the numbers of the `members`.",
    )
    noise: NoiseKey | None = Field(default=None, description="Which perturbations, where they are drawn.")
    noise_sample: tuple[float, ...] | None = Field(
        default=None,
        max_length=1024,
        description="How the numbers begin that the noise of member 0 is made of, by which a worker that draws "
        "others is found out.",
    )


def header_fields(members: Members) -> dict[str, Any]:
    """Return what a unit's header says of its members."""
    if not isinstance(members, GaussianMembers):
        return {"population": "rows", "noise": None, "noise_sample": None}
    sample = _noise_sample(members.key, _SAMPLE)
    return {"population": "gaussian", "noise": members.key, "noise_sample": sample}


def member_arrays(members: Members) -> dict[str, NDArray[Any]]:
    """Return what goes into the frame."""
    if isinstance(members, GaussianMembers):
        return {"mean": members.mean, "sigma": members.sigma, "members": members.numbers}
    return {"parameters": members}


def read_members(header: PopulationHeader, arrays: dict[str, NDArray[Any]]) -> Members:
    """Return the members that a header and arrays describe; none of them is made yet.

    Raises:
        InvalidInput: an array or the key is missing or of another type.
    """
    if header.population == "rows":
        return checked_array(arrays, "parameters", np.float32)
    if header.noise is None:
        raise InvalidInput.of("noise", "is missing")
    return GaussianMembers(
        mean=checked_array(arrays, "mean", np.float32),
        sigma=checked_array(arrays, "sigma", np.float32),
        key=header.noise,
        numbers=checked_array(arrays, "members", np.int32),
    )


def check_members(header: PopulationHeader, members: Members) -> None:
    """Check shapes and values.

    Raises:
        InvalidInput: what is wrong, by field.
        ProtocolMismatch: this process draws other noise.
    """
    if not isinstance(members, GaussianMembers):
        if header.population != "rows" or header.noise is not None:
            raise InvalidInput.of("population", "must be rows without noise, as the parameters are")
        _check_rows(members)
        return
    if header.population != "gaussian" or header.noise != members.key:
        raise InvalidInput.of("population", "must be gaussian with the noise of the members")
    _check_gaussian(members)
    if header.noise_sample is not None:
        _check_sample(members.key, header.noise_sample)


def _check_rows(parameters: NDArray[np.float32]) -> None:
    if parameters.ndim != 2 or not len(parameters):
        raise InvalidInput.of("parameters", f"needs shape (members, dimension), has {parameters.shape}")
    if not np.isfinite(parameters).all():
        raise InvalidInput.of("parameters", "must be finite")


def _check_gaussian(members: GaussianMembers) -> None:
    mean, sigma, numbers = members.mean, members.sigma, members.numbers
    if mean.ndim != 1 or not len(mean):
        raise InvalidInput.of("mean", f"needs shape (dimension,), has {mean.shape}")
    if sigma.shape not in {mean.shape, (1,)}:
        raise InvalidInput.of("sigma", f"needs shape ({len(mean)},) or (1,), has {sigma.shape}")
    if numbers.ndim != 1 or not len(numbers):
        raise InvalidInput.of("members", f"needs shape (members,), has {numbers.shape}")
    if numbers.min() < 0:
        raise InvalidInput.of("members", "must not be negative", int(numbers.min()))
    for name, array in (("mean", mean), ("sigma", sigma)):
        if not np.isfinite(array).all():
            raise InvalidInput.of(name, "must be finite")
    if sigma.min() < 0:
        raise InvalidInput.of("sigma", "must not be negative", float(sigma.min()))
    largest = _largest_perturbation(members)
    if float(np.abs(mean).max()) + largest * float(sigma.max()) > float(np.finfo(np.float32).max):
        raise InvalidInput.of("sigma", "makes parameters that are not finite", float(sigma.max()))


def _largest_perturbation(members: GaussianMembers) -> float:
    """Return a bound of every |z|."""
    if (low_rank := members.key.low_rank) is None:
        return LARGEST_NORMAL
    if fault := low_rank.fault(len(members.mean)):
        raise InvalidInput.of("noise.low_rank.matrices", fault)
    if members.sigma.shape != (1,):
        reason = f"needs shape (1,) where perturbations are of low rank, has {members.sigma.shape}"
        raise InvalidInput.of("sigma", reason)
    return LARGEST_NORMAL**2 * math.sqrt(low_rank.rank)  # as many products of two normals, over √rank


def _check_sample(key: NoiseKey, sample: tuple[float, ...]) -> None:
    here = _noise_sample(key, len(sample))
    if not all(math.isclose(one, other, abs_tol=_TOLERANCE) for one, other in zip(here, sample, strict=True)):
        raise ProtocolMismatch("the unit's noise is not drawn as here: another version of numpy?")


@lru_cache(maxsize=64)
def _noise_sample(key: NoiseKey, length: int) -> tuple[float, ...]:
    return tuple(key.numbers(0, length).tolist())  # once a generation, not once a unit
