"""PGPE with ClipUp, OpenAI-ES, ARS and SNES against evosax, told the same members and the same losses.

evosax needs JAX, so it is no dependency of ours: `pip install evosax` runs these tests, and without it they skip.
What pints has of the algorithms is compared beside each strategy's own tests.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from seedcast.services.master.strategies.ars import ARS, ARSSpec
from seedcast.services.master.strategies.base import Problem, Strategy
from seedcast.services.master.strategies.openai_es import OpenAIES, OpenAIESSpec
from seedcast.services.master.strategies.pgpe import PGPE, PGPESpec
from seedcast.services.master.strategies.snes import SNES, SNESSpec

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")
distribution_based = pytest.importorskip("evosax.algorithms.distribution_based")
clipup = pytest.importorskip("evosax.core.optimizer").clipup

POPULATION, DIMENSION, GENERATIONS = 16, 8, 40
INITIAL = np.linspace(-1, 1, DIMENSION).astype(np.float32)
seeds = pytest.mark.parametrize("seed", [0, 5, 2**40])


@pytest.fixture(autouse=True)
def _double_precision() -> Any:
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", False)


@seeds
def test_pgpe_with_clipup_goes_the_way_of_evosaxs(seed: int) -> None:
    spec = PGPESpec.model_validate({"sigma_init": 0.5, "optimizer": {"name": "clipup"}})
    peer = distribution_based.PGPE(POPULATION, INITIAL, optimizer=clipup(0.15, max_velocity=0.3, momentum=0.9))
    ours = PGPE(spec, Problem(POPULATION, seed, INITIAL))
    theirs = run(ours, peer, {"std_init": 0.5, "std_lr": 0.1, "std_max_change": 0.2})
    assert np.allclose(ours.state()["mean"], theirs.mean, rtol=1e-4, atol=1e-5)
    assert np.allclose(ours.state()["sigma"], theirs.std, rtol=1e-4)


@seeds
def test_openai_es_with_adam_goes_the_way_of_evosaxs(seed: int) -> None:
    spec = OpenAIESSpec.model_validate({"sigma_init": 0.1, "weight_decay": 0})
    peer = distribution_based.Open_ES(
        POPULATION, INITIAL, optimizer=optax.adam(0.01), std_schedule=optax.constant_schedule(0.1)
    )
    ours = OpenAIES(spec, Problem(POPULATION, seed, INITIAL))
    theirs = run(ours, peer, {})
    assert np.allclose(ours.state()["mean"], theirs.mean, rtol=1e-4, atol=1e-5)


@seeds
def test_ars_v1_t_goes_the_way_of_evosaxs(seed: int) -> None:
    spec = ARSSpec.model_validate({"sigma_init": 0.1, "top_directions": 4})
    peer = distribution_based.ARS(
        POPULATION, INITIAL, optimizer=optax.sgd(0.02), std_schedule=optax.constant_schedule(0.1)
    )
    ours = ARS(spec, Problem(POPULATION, seed, INITIAL))
    theirs = run(ours, peer, {})
    assert np.allclose(ours.state()["mean"], theirs.mean, rtol=1e-4, atol=1e-5)


@seeds
def test_snes_goes_the_way_of_evosaxs(seed: int) -> None:
    peer = distribution_based.SNES(POPULATION, INITIAL, optimizer=optax.sgd(1.0))
    ours = SNES(SNESSpec(sigma_init=0.5), Problem(POPULATION, seed, INITIAL))
    utilities = [max(0.0, np.log(POPULATION / 2 + 1) - np.log(k)) for k in range(1, POPULATION + 1)]
    weights = np.array(utilities) / sum(utilities) - 1 / POPULATION
    theirs = run(ours, peer, {"std_init": 0.5, "weights": weights})
    assert np.allclose(ours.state()["mean"], theirs.mean, rtol=1e-4, atol=1e-5)
    assert np.allclose(ours.state()["sigma"], theirs.std, rtol=1e-4)


def run(ours: Strategy, peer: Any, options: dict[str, Any]) -> Any:
    """Tell both the Rosenbrock losses of our members, and return the peer's last state."""
    key, plus_then_minus = jax.random.key(0), np.r_[0:POPULATION:2, 1:POPULATION:2]
    params = peer.default_params.replace(**options)
    state = peer.init(key, INITIAL.astype(np.float64), params)
    for _ in range(GENERATIONS):
        members = ours.ask().rows(0, POPULATION).astype(np.float64)
        loss = rosenbrock(members)
        ours.tell(-loss)
        state, _ = peer.tell(key, members[plus_then_minus], loss[plus_then_minus], state, params)
    return state


def rosenbrock(points: np.ndarray) -> np.ndarray:
    ahead, behind = points[:, 1:], points[:, :-1]
    return np.asarray((100 * (ahead - behind**2) ** 2 + (1 - behind) ** 2).sum(axis=1))
