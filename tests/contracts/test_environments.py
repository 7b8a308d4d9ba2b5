"""What every environment promises, whichever engine runs it: an episode is a pure function of its seed."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("services.worker.environments.contract")

from services.worker.environments import registry  # noqa: E402
from services.worker.environments.contract import EnvironmentContract  # noqa: E402

ENVPOOL = [
    "Acrobot-v1", "Ant-v5", "BipedalWalker-v3", "BipedalWalkerHardcore-v3", "CartPole-v1", "HalfCheetah-v5",
    "Hopper-v5", "InvertedPendulum-v5", "LunarLander-v3", "LunarLanderContinuous-v3",
    "MountainCarContinuous-v0", "Pendulum-v1",
]  # fmt: skip
GYMNASIUM = [
    "Acrobot-v1", "BipedalWalker-v3", "BipedalWalkerHardcore-v3", "CartPole-v1", "CliffWalkingSlippery-v1",
    "FrozenLake-v1", "LunarLander-v3", "Pendulum-v1",
]  # fmt: skip
PYBULLET = ["HopperBulletEnv-v0", "InvertedPendulumSwingupBulletEnv-v0", "MinitaurBulletEnv-v0"]

for engine, ids in (("envpool", ENVPOOL), ("gymnasium", GYMNASIUM), ("pybullet", PYBULLET)):
    for id_ in ids:
        name = f"Test_{engine}_{id_.replace('-', '_')}"
        tests = type(name, (EnvironmentContract,), {"id": id_, "engine": engine})
        if id_ not in registry.ENGINES[engine].available():
            tests = pytest.mark.skip(f"{engine} has no {id_} on this platform")(tests)
        globals()[name] = tests
