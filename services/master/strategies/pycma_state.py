"""What of pycma's samplers changes, as arrays: taken out of one, and put into a fresh one bit for bit.

There is a pair of functions for each form of the covariance. `put` leaves the arrays that it is given alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.master.strategies.base import State

Sampler = Any
"""pycma is untyped."""
Arrays = Mapping[str, NDArray[Any]]

_MATRICES = ("C", "B")
_COUNTS = ("last_update", "count_tell", "count_eigen")


def take_full(sampler: Sampler) -> State:
    """Take the covariance and its eigenvectors, which pycma brings up to date with one another lazily."""
    state: State = {name: np.asarray(getattr(sampler, name)) for name in (*_MATRICES, "D", *_COUNTS)}
    # BLAS multiplies a transposed layout by another path, with other bits, and a checkpoint keeps no layout.
    return state | {"fortran": np.array([np.isfortran(state[name]) for name in _MATRICES])}


def put_full(sampler: Sampler, state: Arrays) -> None:
    """Put the matrices back, in the layouts they had, and the counts that schedule the next decomposition."""
    for name, fortran in zip(_MATRICES, state["fortran"], strict=True):
        setattr(sampler, name, np.array(state[name], order="F" if fortran else "C"))
    sampler.D = state["D"].copy()
    for name in _COUNTS:
        setattr(sampler, name, int(state[name].item()))


def take_diagonal(sampler: Sampler) -> State:
    """Take the sampler's own deviations, which pycma makes only once σ has grown a billionfold."""
    return {"deviations": getattr(sampler, "standard_deviations", np.ones(sampler.dimension))}


def put_diagonal(sampler: Sampler, state: Arrays) -> None:
    """Put the deviations back."""
    sampler.standard_deviations = state["deviations"].copy()


_VECTORS = ("D", "V", "S", "pc", "dx")
_FLOATS = ("sigma", "sigma_fac", "ps")
_SIZES = ("k", "k_active")

_ADAPTATION = ("last_log_d", "last_log_cond_corr")
_AVERAGES = ("ema_log_sigma", "ema_log_d", "ema_log_s")
_SCALARS = ("opt_conv", "last_log_sigma", "itr_after_k_inc")
"""Of the adaptation of k too: pycma makes all of these in its first update."""


def take_vkd(sampler: Sampler) -> State:
    """Take D (I + V diag(S) Vᵀ) D, the paths, the success rule's average and what the adaptation of k follows."""
    state: State = {name: np.asarray(getattr(sampler, name)) for name in (*_VECTORS, *_FLOATS, *_SIZES)}
    nothing = np.zeros(0)
    for name in (*_ADAPTATION, *_SCALARS):
        state[name] = np.asarray(getattr(sampler, name, nothing), np.float64)
    for name in _AVERAGES:
        state[name] = getattr(sampler, name).M if hasattr(sampler, name) else nothing
    return state


def put_vkd(sampler: Sampler, state: Arrays) -> None:
    """Put it all back. Whether it injects members follows from the last step, dx."""
    for name in _VECTORS:
        setattr(sampler, name, state[name].copy())
    for name in _FLOATS:
        setattr(sampler, name, float(state[name].item()))
    for name in _SIZES:
        setattr(sampler, name, int(state[name].item()))
    if not state["opt_conv"].size:
        return
    for name in _ADAPTATION:
        setattr(sampler, name, state[name].copy())
    sampler.opt_conv, sampler.last_log_sigma = (float(state[name].item()) for name in _SCALARS[:2])
    sampler.itr_after_k_inc = int(state["itr_after_k_inc"].item())
    slow = sampler.opt_conv / sampler.accepted_slowdown
    moving_average = import_module("cma.restricted_gaussian_sampler").ExponentialMovingAverage
    for name, decay in zip(_AVERAGES, (slow, sampler.k_adapt_decay, sampler.k_adapt_decay), strict=True):
        average = moving_average(decay=decay, dim=state[name].shape)
        average.M = state[name].copy()
        setattr(sampler, name, average)
