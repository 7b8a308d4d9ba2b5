"""The worker's queue, without a worker."""

from __future__ import annotations

import asyncio

import pytest

from seedcast.services.worker.slots.channel import Kind, Message
from seedcast.services.worker.slots.tickets import Tickets
from seedcast.shared.errors import Busy


def message(payload: bytes) -> Message:
    return Message(Kind.UNIT, payload)


def test_first_come_is_first_served_and_room_is_bounded() -> None:
    async def scenario() -> None:
        tickets = Tickets(2)
        first, second = tickets.put([message(b"1"), message(b"2")])
        with pytest.raises(Busy, match="0 units run, 2 wait"):
            tickets.put([message(b"3")])
        assert await tickets.take() is first
        with pytest.raises(Busy, match="1 units run, 1 wait"):
            tickets.check_room()
        tickets.done()
        tickets.put([message(b"3")])
        assert await tickets.take() is second

    asyncio.run(scenario())


def test_requests_that_belong_together_are_all_taken_or_none() -> None:
    async def scenario() -> None:
        tickets = Tickets(3)
        tickets.put([message(b"1")])
        with pytest.raises(Busy, match="0 units run, 1 wait"):
            tickets.put([message(b"2"), message(b"3"), message(b"4")])
        assert tickets.waiting == 1
        tickets.put([message(b"2"), message(b"3")])
        assert tickets.waiting == 3

    asyncio.run(scenario())


def test_a_discarded_ticket_is_never_taken() -> None:
    async def scenario() -> None:
        tickets = Tickets(9)
        unwanted, wanted = tickets.put([message(b"1"), message(b"2")])
        tickets.discard(unwanted)
        assert await tickets.take() is wanted
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(tickets.take(), 0.01)

    asyncio.run(scenario())


def test_a_ticket_put_back_is_the_next_again() -> None:
    async def scenario() -> None:
        tickets = Tickets(9)
        first, second = tickets.put([message(b"1"), message(b"2")])
        tickets.put_back(await tickets.take())
        assert (tickets.running, tickets.waiting) == (0, 2)
        assert [await tickets.take(), await tickets.take()] == [first, second]

    asyncio.run(scenario())


def test_closing_sends_away_those_who_wait_and_those_who_come() -> None:
    async def scenario() -> None:
        tickets = Tickets(9)
        (waiting,) = tickets.put([message(b"1")])
        tickets.close()
        with pytest.raises(Busy, match="shutting down"):
            await waiting.answer
        with pytest.raises(Busy, match="shutting down"):
            tickets.put([message(b"2")])

    asyncio.run(scenario())


def test_closing_keeps_those_who_wait_for_a_party_that_has_begun() -> None:
    async def scenario() -> None:
        tickets = Tickets(9)
        first, second = tickets.put([message(b"1"), message(b"2")])
        (other,) = tickets.put([message(b"3")])
        assert await tickets.take() is first
        tickets.close()
        assert await tickets.take() is second
        with pytest.raises(Busy, match="shutting down"):
            await other.answer

    asyncio.run(scenario())


def test_a_ticket_whose_slot_died_is_the_next_again_once() -> None:
    async def scenario() -> None:
        tickets = Tickets(9)
        first, second = tickets.put([message(b"1"), message(b"2")])
        error = Busy("the slot broke")
        for _ in range(2):
            assert await tickets.take() is first
            tickets.try_again(first, error)
            tickets.done()
        with pytest.raises(Busy, match="the slot broke"):
            await first.answer
        assert await tickets.take() is second
        assert (tickets.running, tickets.waiting) == (1, 0)

    asyncio.run(scenario())
