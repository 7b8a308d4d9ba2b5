"""A user's package of environments, as an image would have it installed: ones that misbehave, for tests.

``tests/plugins`` on the PYTHONPATH of a worker under test is all it needs: the folder holds this package and the
metadata of a distribution, whose entry point (group ``gymnasium.envs``) is `register` below.

==============  ==================================================================================================
``Faulty-v0``   A count of steps that goes wrong as ``mode`` says, from step ``after`` on, in the episodes whose
                seed is a multiple of ``every``. The other episodes pay 1 a step and end after 10 steps.
``Dice-v0``     Draws its rewards from Python's and numpy's global generators.
``Lottery-v0``  Draws its first observation from the operating system.
``Text-v0``     Observes text of any length: no policy can act on it.
``Talker-v0``   Prints on standard output and sends itself a Ctrl-C.
``Subprocess-v0``, ``Forked-v0``, ``Threaded-v0``  Own a program, a fork of their process, threads.
``Patient-v0``  CartPole that waits before each episode, as many seconds as SEEDCAST_TEST_PATIENCE says.
==============  ==================================================================================================
"""

from __future__ import annotations

import gymnasium

PACKAGE = __name__


def register() -> None:
    """Add the environments to Gymnasium's registry."""
    gymnasium.register("Faulty-v0", f"{PACKAGE}.faulty:Faulty", max_episode_steps=1000)
    gymnasium.register("Dice-v0", f"{PACKAGE}.harmless:Dice", max_episode_steps=5)
    gymnasium.register("Lottery-v0", f"{PACKAGE}.harmless:Lottery", max_episode_steps=5)
    gymnasium.register("Text-v0", f"{PACKAGE}.harmless:Text")
    gymnasium.register("Talker-v0", f"{PACKAGE}.harmless:Talker", max_episode_steps=5)
    gymnasium.register("Subprocess-v0", f"{PACKAGE}.families:Subprocess", max_episode_steps=10)
    gymnasium.register("Forked-v0", f"{PACKAGE}.families:Forked", max_episode_steps=10)
    gymnasium.register("Threaded-v0", f"{PACKAGE}.families:Threaded", max_episode_steps=10)
    gymnasium.register("Patient-v0", f"{PACKAGE}.patient:Patient", max_episode_steps=500)


def replace() -> None:
    """Put another environment in the place of one that everybody knows."""
    gymnasium.register("CartPole-v1", f"{PACKAGE}.faulty:Faulty")
