"""One search by EvoTorch's own PGPE with ClipUp through its GymNE, for `benchmarks.learning`.

It runs by a Python of its own that has EvoTorch (0.6.1) and Gymnasium, and nothing of ours: a whole specification
comes as JSON on standard input, and every test goes out as a line `[steps, seconds, mean return]`. EvoTorch has no
schedules and no cap of episodes that follows their length: they are whole here. Neither its tests count as time
nor its actors' start (Toklu et al. 2023, https://arxiv.org/abs/2302.12600).
"""

from __future__ import annotations

import json
import os
import sys
import time
from importlib import import_module
from itertools import pairwise
from typing import Any

import gymnasium
import numpy as np


class PenaltyDropped(gymnasium.Wrapper[Any, Any, Any, Any]):
    """An environment whose episodes may end without the penalty for it."""

    def __init__(self, environment: gymnasium.Env[Any, Any], penalty: float) -> None:
        super().__init__(environment)
        self._penalty = penalty

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:  # noqa: ANN401 - any space's
        """Step."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        reward = 0.0 if terminated and float(reward) <= -self._penalty else float(reward)
        return observation, reward, terminated, truncated, info


def make(spec: dict[str, Any]) -> gymnasium.Env[Any, Any]:
    """Make what it trains on."""
    environment = gymnasium.make(spec["environment"]["id"])
    penalty = spec["fitness"]["drop_terminal_penalty"]
    return environment if penalty is None else PenaltyDropped(environment, penalty)


def network(policy: dict[str, Any], *, discrete: bool) -> str:
    """Describe the policy in EvoTorch's words."""
    sizes = ["obs_length", *policy.get("hidden", []), "act_length"]
    layers = [f"Linear({inputs}, {outputs})" for inputs, outputs in pairwise(sizes)]
    return " >> Tanh() >> ".join(layers) + ("" if discrete else " >> Tanh()")


def searched(spec: dict[str, Any]) -> tuple[Any, Any]:
    """Return EvoTorch's problem and its search, with the specification's own numbers."""
    torch = import_module("torch")
    strategy, policy = spec["strategy"], spec["policy"]
    discrete = isinstance(make(spec).action_space, gymnasium.spaces.Discrete)
    problem = import_module("evotorch.neuroevolution").GymNE(
        lambda **_: make(spec),
        network(policy, discrete=discrete),
        observation_normalization=policy["normalise_observations"],
        num_episodes=spec["episodes_per_member"],
        num_actors=len(os.sched_getaffinity(0)),
    )
    torch.manual_seed(spec["seed"])
    optimizer = strategy["optimizer"]
    search = import_module("evotorch.algorithms").PGPE(
        problem,
        popsize=spec["population_size"],
        center_learning_rate=optimizer["step_size"],
        stdev_learning_rate=strategy["sigma_learning_rate"],
        stdev_max_change=strategy["sigma_max_change"],
        radius_init=strategy["radius"],
        optimizer="clipup",
        optimizer_config={key: optimizer[key] for key in ("max_speed", "momentum")},
        ranking_method="centered",
        center_init=torch.randn(problem.solution_length) * policy["initial_std"],
    )
    return problem, search


def score(spec: dict[str, Any], policy: Any) -> float:  # noqa: ANN401 - a torch module
    """Return the mean plain return over the test's episodes."""
    torch = import_module("torch")
    environment = gymnasium.make(spec["environment"]["id"])
    discrete, total = isinstance(environment.action_space, gymnasium.spaces.Discrete), 0.0
    for episode in range(spec["test"]["episodes"]):
        observation, _ = environment.reset(seed=episode)
        over = False
        while not over:
            with torch.no_grad():
                action = policy(torch.as_tensor(observation, dtype=torch.float32)).numpy()
            choice = int(np.argmax(action)) if discrete else action
            observation, reward, terminated, truncated, _ = environment.step(choice)
            total += float(reward)
            over = terminated or truncated
    return total / int(spec["test"]["episodes"])


def main() -> None:
    """Search until the score or the steps of the specification."""
    spec, results = json.load(sys.stdin), os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # where its libraries print
    problem, search = searched(spec)
    problem.evaluate(problem.generate_batch(2))  # its actors are up
    before = problem.status["total_interaction_count"]
    steps, seconds, generation = 0, 0.0, 0
    while True:
        if generation % spec["test"]["every"] == 0:
            centre = search.status["center"]
            mean = score(spec, problem.to_policy(centre))
            print(json.dumps([steps, seconds, mean]), file=results, flush=True)
            if mean >= spec["stop"]["test_return"] or steps >= spec["stop"]["environment_steps"]:
                return
        started = time.perf_counter()
        search.step()
        seconds += time.perf_counter() - started
        steps = int(problem.status["total_interaction_count"] - before)
        generation += 1


if __name__ == "__main__":
    main()
