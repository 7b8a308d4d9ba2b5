"""Which of EnvPool's environments are offered, by family, and why the others are not.

What is offered has been held to what episodes promise: `python -m benchmarks.environments`.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version

OFFERED = {
    "envpool.box2d": "Box2D",
    "envpool.classic_control": "classic control",
    "envpool.highway": "Highway",
    "envpool.jumanji": "Jumanji",
    "envpool.minigrid": "MiniGrid",
    "envpool.mujoco.dmc": "DM Control",
    "envpool.mujoco.gym": "MuJoCo",
    "envpool.mujoco.metaworld": "MetaWorld",
    "envpool.mujoco.myosuite": "MyoSuite",
    "envpool.mujoco.playground": "Playground",
    "envpool.mujoco.robotics": "Gymnasium-Robotics",
    "envpool.toy_text": "toy text",
}
"""Families by EnvPool's module; of some, not all is offered."""

IMAGES = "observes images, which no policy here takes"
PLAYERS = "is a game of several players"

REFUSED = {
    "envpool.atari": ("Atari", IMAGES),
    "envpool.gfootball": ("GFootball", IMAGES),
    "envpool.marlgrid": ("MARLGrid", PLAYERS),
    "envpool.pgx": ("PGX", PLAYERS),
    "envpool.procgen": ("Procgen", IMAGES),
    "envpool.vizdoom": ("ViZDoom", IMAGES),
}
"""Families of which nothing is, with the reason."""

UNKNOWN = "is of a family of EnvPool's that has not been tried here"
UNSEEDED = "does not take its seed in EnvPool: every reset is the same"
MYOSUITE = "envpool.mujoco.myosuite"
MYOSUITE_SINCE = (1, 2, 6)
"""EnvPool's version before which MyoSuite resets alike, whatever the seed."""
MYOSUITE_FIXED = "begins alike whatever its seed, or has not been tried: of MyoSuite, ids with Random are offered"

PARTLY_SEEDED = frozenset({"envpool.highway", "envpool.jumanji"})
SEEDED = frozenset(
    {
        "Cleaner-v0", "Game2048-v1", "GraphColoring-v1", "Highway-v0", "HighwayFast-v0", "Jumanji/Cleaner-v0",
        "Jumanji/Game2048-v1", "Jumanji/GraphColoring-v1", "Jumanji/Knapsack-v1", "Jumanji/Maze-v0",
        "Jumanji/Minesweeper-v0", "Jumanji/RubiksCube-partly-scrambled-v0", "Jumanji/RubiksCube-v0",
        "Jumanji/SlidingTilePuzzle-v0", "Jumanji/Snake-v1", "Jumanji/TSP-v1", "Knapsack-v1", "Maze-v0",
        "Merge-v0", "Minesweeper-v0", "Parking-v0", "ParkingActionRepeat-v0", "ParkingParked-v0",
        "RubiksCube-partly-scrambled-v0", "RubiksCube-v0", "SlidingTilePuzzle-v0", "Snake-v1", "TSP-v1",
        "highway-fast-v0", "highway-v0", "merge-v0", "parking-ActionRepeat-v0", "parking-parked-v0",
        "parking-v0",
    }
)  # fmt: skip
"""Of families whose seeds have an effect in some environments only: these. The others begin alike for ever."""


def family(module: str) -> str:
    """Return what people call the family of a module of EnvPool's."""
    return OFFERED.get(module) or REFUSED.get(module, (module.removeprefix("envpool."), ""))[0]


def why_not(id_: str, module: str) -> str | None:
    """Say why an environment of EnvPool's is not offered, or nothing."""
    if module == MYOSUITE and envpool_version() < MYOSUITE_SINCE:
        return "does not follow its seed in EnvPool before 1.2.6: every reset is the same"
    if module == MYOSUITE and "Random" not in id_:
        return MYOSUITE_FIXED
    if module in PARTLY_SEEDED and id_ not in SEEDED:
        return UNSEEDED
    if id_.startswith("CarRacing"):
        return IMAGES
    return None if module in OFFERED else REFUSED.get(module, ("", UNKNOWN))[1]


@cache
def envpool_version() -> tuple[int, ...]:
    """Return EnvPool's version, its numbers only; nothing where it is not installed."""
    try:
        return tuple(int(part) for part in version("envpool").split(".")[:3] if part.isdigit())
    except PackageNotFoundError:
        return ()
