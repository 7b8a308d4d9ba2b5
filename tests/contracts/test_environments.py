"""What every environment promises, whichever engine runs it: an episode is a pure function of its seed."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("seedcast.services.worker.environments.contract")

from seedcast.services.worker.environments import registry  # noqa: E402
from seedcast.services.worker.environments.contract import EnvironmentContract  # noqa: E402

ENVPOOL = [
    "Acrobot-v1", "Ant-v5", "BipedalWalker-v3", "BipedalWalkerHardcore-v3", "CartPole-v1", "HalfCheetah-v5",
    "Hopper-v5", "InvertedPendulum-v5", "LunarLander-v3", "LunarLanderContinuous-v3",
    "MountainCarContinuous-v0", "Pendulum-v1",
    "CartpoleBalance-v1", "PendulumSwingup-v1", "ReacherEasy-v1",
    "MetaWorld/Reach-v3", "MetaWorld/Push-v3", "MetaWorld/DoorOpen-v3",
    "FetchReach-v4", "FetchPush-v4", "HandReach-v3",
    "AcrobotSwingup-v1", "FishSwim-v1",
    "MiniGrid-Empty-5x5-v0", "MiniGrid-DoorKey-5x5-v0", "BabyAI-OpenDoorColor-v0",
    "Snake-v1", "Game2048-v1", "TSP-v1", "Minesweeper-v0",
    "Highway-v0", "Merge-v0", "Parking-v0",
    "Catch-v0", "NChain-v0",
]  # fmt: skip
GYMNASIUM = [
    "Acrobot-v1", "BipedalWalker-v3", "BipedalWalkerCourse-v0", "BipedalWalkerHardcore-v3", "CartPole-v1",
    "CliffWalkingSlippery-v1", "FrozenLake-v1", "LunarLander-v3", "Pendulum-v1",
]  # fmt: skip
UNSEEDED = {"MiniGrid-Empty-5x5-v0"}
"""All their episodes begin alike, as their authors meant it."""
PYBULLET = ["HopperBulletEnv-v0", "InvertedPendulumSwingupBulletEnv-v0", "MinitaurBulletEnv-v0"]

for engine, ids in (("envpool", ENVPOOL), ("gymnasium", GYMNASIUM), ("pybullet", PYBULLET)):
    for id_ in ids:
        name = f"Test_{engine}_{id_.replace('-', '_')}"
        tests = type(name, (EnvironmentContract,), {"id": id_, "engine": engine, "seeded": id_ not in UNSEEDED})
        if id_ not in registry.ENGINES[engine].available():
            tests = pytest.mark.skip(f"{engine} has no {id_} on this platform")(tests)
        globals()[name] = tests
