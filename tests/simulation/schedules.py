"""Schedules for the world, drawn from a seed: a fleet, jobs, and everything that may go wrong for a while."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial

from seedcast.services.master.scheduling.instructions import Send
from seedcast.services.master.scheduling.tuning import Tuning
from tests.simulation.world import World

PEACE = 300.0
"""From this second on nothing goes wrong any more, and everything has to end."""

END = 100_000.0


def play(seed: int, log: Callable[[str], None] | None = None) -> World:
    """Run one schedule; fail if anything is lost, settled twice, or given up without a reason."""
    world = disturbed(seed)
    if log is not None:
        world.log = lambda line: log(f"{world.now:9.3f} {line}")
    world.run(END)
    for job in world.jobs.values():
        assert job.ended is not None, f"seed {seed}: job {job.number} never ends"
        if job.hopeless:
            assert job.poison, f"seed {seed}: job {job.number} was given up without a reason"
            continue
        rollouts = len(job.seconds)
        assert job.settled == dict.fromkeys(range(rollouts), 1), f"seed {seed}: job {job.number}"
        killed = {number for number, why in job.given_up.items() if "lost" not in why.message}
        assert killed <= job.poison, f"seed {seed}: {killed - job.poison} were given up without a reason"
        assert set(job.given_up) >= job.poison, f"seed {seed}: poison was counted as done"
        for rollout, deaths in job.deaths.items():
            assert deaths <= 3 + job.unheard[rollout], (
                f"seed {seed}: {rollout} of {job.number} killed {deaths} slots"
            )
    return world


def disturbed(seed: int) -> World:
    """Build a world that is disturbed at random."""
    chance = random.Random(seed)
    spread = chance.choice([0.001, 0.01, 0.2])
    tuning = Tuning(unit_seconds=chance.choice([0.2, 2.0, 5.0]), request_seconds=chance.choice([0.0005, 0.05]))
    world = World(tuning, latency=lambda: 0.0005 + chance.expovariate(1 / spread))
    names = [f"w{number}" for number in range(int(2 ** chance.uniform(0, 8.5)))]
    for name in names:
        slots, slowness = chance.choice([1, 1, 2, 4, 16]), chance.choice([1.0, 1.0, 1.0, 1.3, 10.0])
        at, queue = chance.choice([0.0, 0.0, chance.uniform(0, PEACE)]), chance.choice([None, None, 0, 1])
        world.at(at, partial(world.join, name, slots, slowness, queue))
    for number in range(chance.randint(1, 5)):
        _plan_job(world, chance, number)
    _disturb(world, chance, names, chance.choice([0.0, 0.02, 0.2, 1.0]))
    world.at(PEACE, partial(_pacify, world))
    return world


def _plan_job(world: World, chance: random.Random, number: int) -> None:
    rollouts = int(2 ** chance.uniform(0, 11))
    mean = chance.choice([0.01, 0.1, 1.0, 3.0])
    even = chance.random() < 0.5
    draws = [chance.uniform(0.5, 1.5) if even else 0.05 + chance.expovariate(1.0) for _ in range(rollouts)]
    seconds = [mean * draw for draw in draws]
    share = chance.choice([0.0, 0.0, 0.0, 0.002, 0.1, 1.0])
    poison = frozenset(rollout for rollout in range(rollouts) if chance.random() < share)
    background = chance.random() < 0.2
    world.planned += 1

    def begin() -> None:
        world.planned -= 1
        world.add_job(f"e{number % 3}", seconds, poison, background=background)

    world.at(chance.choice([0.0, chance.uniform(0, PEACE)]), begin)


def _disturb(world: World, chance: random.Random, names: list[str], trouble: float) -> None:
    """Have each worker meet with accidents now and then, and the network with others."""
    for name in names:
        at = chance.expovariate(trouble / 20) if trouble else PEACE
        while at < PEACE:
            world.at(at, partial(_accident, world, chance, name))
            at += chance.expovariate(trouble / 20)
    lost, twice, busy = (chance.choice([0.0, 0.0, 0.01, 0.1]) * (trouble > 0) for _ in range(3))

    def reply_fault(_: Send) -> str:
        draw = chance.random()
        return "" if world.now > PEACE else "lost" if draw < lost else "twice" if draw < lost + twice else ""

    def send_fault(_: Send) -> str:
        draw = chance.random()
        return "" if world.now > PEACE else "busy" if draw < busy else "unreachable" if draw < busy * 1.1 else ""

    world.reply_fault, world.send_fault = reply_fault, send_fault


def _accident(world: World, chance: random.Random, name: str) -> None:
    worker = world.workers.get(name)
    if worker is None:
        return
    kind = chance.choice(["crash", "crash", "hang", "slow", "vanish", "resize"])
    if kind == "crash" and worker.up:
        world.crash(name, notice_seconds=chance.uniform(0, 4))
    elif kind == "hang":
        worker.hung_until = world.now + chance.uniform(0, 100)
    elif kind == "slow":
        worker.slowness = chance.choice([1.0, 3.0, 10.0, 50.0])
    elif kind == "vanish":
        world.vanish(name)
    elif kind == "resize" and worker.up:
        world.join(name, chance.choice([1, 2, 8]), worker.slowness)
    world.after(chance.uniform(0, 30), partial(_return, world, name))


def _return(world: World, name: str) -> None:
    worker = world.workers[name]
    world.join(name, worker.slots, worker.slowness)


def _pacify(world: World) -> None:
    for worker in list(world.workers.values()):
        world.join(worker.name, worker.slots, min(worker.slowness, 10.0))
