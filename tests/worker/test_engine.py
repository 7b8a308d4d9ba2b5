"""The rollout engine in process."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from seedcast.services.worker.engine import run_unit
from seedcast.services.worker.engine.accumulators import shaped
from seedcast.services.worker.environments.envpool_lanes import SMALL_WIDTH, EnvPoolEngine, _in_order
from seedcast.services.worker.environments.registry import describe, open_lanes
from seedcast.shared.errors import InvalidInput
from seedcast.shared.observation_stats import Normaliser
from seedcast.shared.protocol import RewardShaping, Unit
from seedcast.shared.spec.environment import EnvironmentSpec
from tests.units import LINEAR, numbers, policy_for, unit

WALKER = EnvironmentSpec(id="BipedalWalker-v3", engine="envpool", max_episode_steps=300)
CART_POLE = EnvironmentSpec(id="CartPole-v1")


def changed(original: Unit, **changes: Any) -> Unit:
    fields = ("header", "parameters", "rows", "seeds", "normaliser")
    return Unit(**({name: getattr(original, name) for name in fields} | changes))


def test_more_rollouts_than_lanes_all_get_their_own_result() -> None:
    seeds = list(range(2 * SMALL_WIDTH + 1))
    result = run_unit(unit(CART_POLE, seeds, [0] * len(seeds)))
    some = (0, 1, SMALL_WIDTH, 2 * SMALL_WIDTH)
    single = [run_unit(unit(CART_POLE, [seed], [0])) for seed in some]
    assert [numbers(one)[0] for one in single] == [numbers(result)[index] for index in some]


def test_a_unit_larger_than_a_pool_is_run_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    work = unit(CART_POLE, list(range(10)))
    whole = numbers(run_unit(work))
    monkeypatch.setattr(EnvPoolEngine, "lanes_at_once", lambda *_: 4)
    assert numbers(run_unit(work)) == whole


def test_statistics_are_of_the_raw_observations_acted_on() -> None:
    spec = EnvironmentSpec(id="CartPole-v1", engine="gymnasium", max_episode_steps=5)
    shifted = Normaliser(np.ones(4, np.float32), np.ones(4, np.float32))
    work = changed(unit(spec, [3], collect_statistics=True), normaliser=shifted)
    seen = np.array(observations_acted_on(spec, work, shifted), np.float64)
    result = run_unit(work)
    assert result.observation_sums is not None
    assert result.observation_squares is not None
    np.testing.assert_allclose(result.observation_sums[0], seen.sum(axis=0), rtol=1e-14)
    np.testing.assert_allclose(result.observation_squares[0], (seen**2).sum(axis=0), rtol=1e-14)


def observations_acted_on(spec: EnvironmentSpec, work: Unit, normaliser: Normaliser) -> list[Any]:
    """Run the first rollout of a unit by hand for five steps."""
    lanes, policy, lane = open_lanes(spec, work.seeds.tolist()), policy_for(spec, LINEAR), np.zeros(1, np.int32)
    acting = policy.lanes(1)
    acting.load(0, work.parameters[0])
    seen = [lanes.reset(lane)[0]]
    for _ in range(4):
        action = policy.head(acting.outputs(normaliser(seen[-1][None])))
        seen.append(lanes.step(lane, action)[0][0])
    return seen


def test_shaping_changes_the_fitness_and_never_the_return() -> None:
    shaping = {"drop_terminal_penalty": 100.0, "subtract_per_step": 0.25}
    plain = run_unit(unit(WALKER, list(range(8))))
    result = run_unit(unit(WALKER, list(range(8)), shaping=shaping))
    np.testing.assert_array_equal(result.returns, plain.returns)
    np.testing.assert_array_equal(plain.fitness, plain.returns)
    fell = result.lengths < 300
    assert fell.any()
    np.testing.assert_array_equal(result.fitness, result.returns + 100.0 * fell - 0.25 * result.lengths)


@pytest.mark.parametrize(
    ("terminating_reward", "fitness"), [(-100.0, 30.0), (-99.0, -70.0), (-130.0, 60.0), (np.nan, -70.0)]
)
def test_only_a_terminating_reward_at_or_below_the_penalty_is_dropped(
    terminating_reward: float, fitness: float
) -> None:
    shaping, lengths = RewardShaping(drop_terminal_penalty=100), np.array([12], np.int32)
    assert shaped(shaping, np.array([-70.0]), lengths, np.array([terminating_reward])) == [fitness]


@pytest.mark.parametrize(("terminating_reward", "fitness"), [(-100.0, -70.0), (0.3, 30.0), (np.nan, -70.0)])
def test_only_an_episode_that_terminates_well_gets_the_bonus(terminating_reward: float, fitness: float) -> None:
    shaping, lengths = RewardShaping(finish_bonus=100, finish_above=-100), np.array([12], np.int32)
    assert shaped(shaping, np.array([-70.0]), lengths, np.array([terminating_reward])) == [fitness]


def test_parameters_of_another_dimension_are_refused_with_both_numbers() -> None:
    work = unit(CART_POLE, [1])
    with pytest.raises(InvalidInput, match=r"parameters: has rows of 3 values, the policy has 10 parameters"):
        run_unit(changed(work, parameters=np.zeros((1, 3), np.float32)))


def test_a_normaliser_of_another_size_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"normaliser_mean: needs shape \(4,\), has \(5,\)"):
        run_unit(changed(unit(CART_POLE, [1]), normaliser=Normaliser.identity(5)))


@pytest.mark.filterwarnings("ignore:overflow")
def test_a_policy_that_overflows_fails_alone() -> None:
    work = unit(WALKER, [1, 2, 3])
    parameters = np.array(work.parameters)
    parameters[1] = 3e38
    parameters[1, ::2] = -3e38
    result = run_unit(changed(work, parameters=parameters))
    assert [(one.kind, one.rollouts) for one in result.failures] == [("invalid", [1])]
    assert "policy's output is not finite" in result.failures[0].message
    untouched = numbers(run_unit(work))
    assert [numbers(result)[index] for index in (0, 2)] == [untouched[index] for index in (0, 2)]


def test_the_normaliser_comes_before_the_policy() -> None:
    spec = EnvironmentSpec(id="Pendulum-v1", max_episode_steps=50)
    work = unit(spec, [1])
    blind = Normaliser(np.zeros(3, np.float32), np.full(3, 1e30, np.float32))  # what is left, biases absorb
    bias_only = np.array(work.parameters)
    bias_only[:, :3] = 0
    assert numbers(run_unit(changed(work, normaliser=blind))) == numbers(
        run_unit(changed(work, parameters=bias_only))
    )


def test_an_environment_without_a_limit_gets_the_documented_one() -> None:
    assert describe(EnvironmentSpec(id="CliffWalking-v1")).max_episode_steps == 10_000


def test_an_unknown_environment_is_refused_with_near_names() -> None:
    with pytest.raises(InvalidInput, match=r"environment\.id: .*did you mean .*BipedalWalker-v3"):
        describe(EnvironmentSpec(id="BipedalWalkr-v3"))


def test_an_id_that_names_a_module_is_not_imported() -> None:
    with pytest.raises(InvalidInput, match="not an environment of this worker"):
        describe(EnvironmentSpec(id="antigravity:CartPole-v1"))
    assert "antigravity" not in sys.modules


def test_the_pools_own_settings_cannot_be_smuggled_in() -> None:
    spec = EnvironmentSpec(id="Ant-v5", kwargs={"num_threads": 4, "base_path": "/"})
    with pytest.raises(InvalidInput, match=r"environment\.kwargs: base_path, num_threads cannot be set"):
        describe(spec)


def test_lanes_that_answer_out_of_order_are_put_in_order() -> None:
    answered, lanes = np.array([9, 4, 7], np.int32), np.array([7, 9, 4], np.int32)
    (values,) = _in_order(answered, lanes, [np.array([90, 40, 70])])
    assert values.tolist() == [70, 90, 40]


def test_the_engine_needs_no_web_framework() -> None:
    code = "import sys, seedcast.services.worker.engine; sys.exit(bool({'fastapi', 'uvicorn'} & {*sys.modules}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_action_noise_belongs_to_the_episode_and_not_to_its_company() -> None:
    noisy, seeds = LINEAR | {"action_noise": 0.5}, list(range(20))
    together = numbers(run_unit(unit(WALKER, seeds, [0] * 20, policy=noisy)))
    apart = [numbers(run_unit(unit(WALKER, [seed], policy=noisy)))[0] for seed in seeds]
    assert apart == together
    assert together != numbers(run_unit(unit(WALKER, seeds, [0] * 20)))
