"""What breaks is put right: a killed master's files, and returns too large to work with."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.envs.registration import EnvSpec

from services.worker.engine import run_unit
from shared.spec.environment import EnvironmentSpec
from tests.processes import digests, master, submit, wait_for_end, wait_for_generation, worker
from tests.specs import cartpole_values
from tests.units import unit


def test_a_killed_warm_started_experiment_goes_on_alone_and_finishes_its_files(tmp_path: Path) -> None:
    with ExitStack() as stack:
        urls = [stack.enter_context(worker(tmp_path)).url]
        first = stack.enter_context(master(tmp_path, urls))
        source = submit(first, cartpole_values() | {"stop": {"generations": 1}})
        wait_for_end(first, source)
        model = tmp_path / "data" / "experiments" / source / "best_model.npz"
        warm = cartpole_values() | {"warm_start": f"experiments/{source}/best_model.npz"}
        warm |= {"stop": {"generations": 30}, "test": {"every": 20, "episodes": 5}}
        undisturbed = submit(first, warm)
        assert wait_for_end(first, undisturbed)["status"] == "completed"
        experiment_id = submit(first, warm)
        wait_for_generation(first, experiment_id, 3)
        first.kill()
        model.unlink()
        folder = tmp_path / "data" / "experiments" / experiment_id
        (folder / "log.txt").write_text("half a li")
        second = stack.enter_context(master(tmp_path, urls))
        experiment = wait_for_end(second, experiment_id)
        assert (experiment["status"], experiment["generation"]) == ("completed", 30)
        assert digests(second, experiment_id) == digests(second, undisturbed)
        assert len((folder / "log.txt").read_text().splitlines()) == 30
        assert len((folder / "scores.csv").read_text().splitlines()) == 1 + 2
        assert (folder / "warm_start.npz").exists()


class Huge(gymnasium.Env[Any, Any]):
    """Pays ``first`` and then ``last``, in episodes of an even seed; else 1 and 1."""

    observation_space = spaces.Box(-1, 1, (2,), np.float32)
    action_space = spaces.Discrete(2)

    def __init__(self, first: float, last: float) -> None:
        self._pays = [first, last]
        self._left: list[float] = []

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed, options=options)
        self._left = list(self._pays) if (seed or 0) % 2 == 0 else [1.0, 1.0]
        return np.zeros(2, np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        del action
        reward = self._left.pop(0)
        return np.zeros(2, np.float32), reward, not self._left, False, {}


@pytest.mark.parametrize(
    ("first", "last", "message"),
    [
        (1e200, 1.0, r"the return 1e+200 is beyond ±1e+30"),
        (-1e200, 1.0, r"the return -1e+200 is beyond ±1e+30"),
        (1.7e308, 1.7e308, r"the return inf is beyond ±1e+30"),
        (1e200, -1e200, r"the fitness 1e+200 is beyond ±1e+30"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow")
def test_an_absurd_return_fails_its_rollout_and_no_other(
    first: float, last: float, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        gymnasium.registry, "Huge-v0", EnvSpec("Huge-v0", entry_point=cast(Any, Huge), max_episode_steps=10)
    )
    spec = EnvironmentSpec(id="Huge-v0", engine="gymnasium", kwargs={"first": first, "last": last})
    result = run_unit(unit(spec, [1, 2, 3], [0] * 3, shaping={"drop_terminal_penalty": 100}))
    assert [(one.kind, one.message, one.rollouts) for one in result.failures] == [("invalid", message, [1])]
    np.testing.assert_array_equal(result.returns, [2, np.nan, 2])
    np.testing.assert_array_equal(result.fitness, [2, np.nan, 2])
    assert result.lengths.tolist() == [2, 0, 2]
