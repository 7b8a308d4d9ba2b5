"""A unit that nobody waits for is given up, and no other one with it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from seedcast.services.worker.slots.channel import Kind, Message
from seedcast.services.worker.slots.nursery import Nursery
from seedcast.services.worker.slots.process import SlotProcess
from seedcast.shared.protocol import Unit
from seedcast.shared.spec.environment import EnvironmentSpec
from tests.units import unit

CALM = unit(EnvironmentSpec(id="CartPole-v1"), [1])


def with_slot(scenario: Callable[[SlotProcess], Awaitable[None]]) -> None:
    async def run() -> None:
        nursery = Nursery()
        try:
            process = await SlotProcess.start(nursery, memory_limit=None)
            try:
                await scenario(process)
            finally:
                await process.kill()
        finally:
            await nursery.close()

    asyncio.run(run())


async def answers(process: SlotProcess, work: Unit) -> list[Kind]:
    """Return the kinds of all that a slot answers to a unit."""
    kinds = [(await process.exchange(Message(Kind.UNIT, work.to_frame()), 60, "reading")).kind]
    while kinds[-1] not in {Kind.RESULT, Kind.REFUSED, Kind.CANCELLED}:
        kinds.append((await process.exchange(None, 60, "the unit")).kind)
    return kinds


def test_a_notice_that_comes_after_the_answer_does_not_hit_the_next_unit() -> None:
    async def scenario(process: SlotProcess) -> None:
        for _ in range(100):
            assert await answers(process, CALM) == [Kind.STARTED, Kind.SUMMARY, Kind.RESULT]
            process.cancel()

    with_slot(scenario)


def test_a_unit_is_given_up_even_if_the_slot_has_not_read_it_yet() -> None:
    async def scenario(process: SlotProcess) -> None:
        long = unit(EnvironmentSpec(id="BipedalWalker-v3"), range(10_000))
        asked = asyncio.create_task(answers(process, long))
        await asyncio.sleep(0)  # sent
        process.cancel()
        assert await asked == [Kind.STARTED, Kind.CANCELLED]
        assert await answers(process, CALM) == [Kind.STARTED, Kind.SUMMARY, Kind.RESULT]

    with_slot(scenario)
