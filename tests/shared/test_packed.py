"""What is packed once and sent to many."""

from __future__ import annotations

import asyncio
import gzip
import threading

import pytest
from starlette.datastructures import Headers

from seedcast.shared.packed import Once, Packed

LONG = b"word " * 1000


@pytest.mark.parametrize("accepted", ["gzip", "identity"])
def test_who_has_it_in_its_encoding_is_not_sent_it_again(accepted: str) -> None:
    packed = Packed.of(LONG, "text/plain")
    first = packed.answer(Headers({"Accept-Encoding": accepted}), {"Cache-Control": "no-cache"})
    body = gzip.decompress(bytes(first.body)) if accepted == "gzip" else bytes(first.body)
    assert (body, first.headers["cache-control"]) == (LONG, "no-cache")
    again = packed.answer(Headers({"Accept-Encoding": accepted, "If-None-Match": first.headers["etag"]}))
    assert (again.status_code, bytes(again.body), again.headers["etag"]) == (304, b"", first.headers["etag"])
    other = "identity" if accepted == "gzip" else "gzip"
    whole = packed.answer(Headers({"Accept-Encoding": other, "If-None-Match": first.headers["etag"]}))
    assert whole.status_code == 200, "in another encoding it is another representation"


def test_a_page_that_says_not_found_says_so_again_to_who_has_it() -> None:
    packed = Packed.of(LONG, "text/html")
    first = packed.answer(Headers({}), status=404)
    assert packed.answer(Headers({"If-None-Match": first.headers["etag"]}), status=404).status_code == 404


def test_many_who_ask_at_once_have_it_made_once_and_beside_the_event_loop() -> None:
    made: list[int] = []

    def make() -> Packed:
        made.append(threading.get_ident())
        return Packed.of(LONG, "text/plain")

    async def run() -> None:
        once = Once(make)
        packed = await asyncio.gather(*(once.get() for _ in range(5)))
        assert all(one is packed[0] for one in packed)

    asyncio.run(run())
    assert len(made) == 1
    assert made[0] != threading.get_ident()


def test_what_could_not_be_made_is_tried_again_for_the_next_who_asks() -> None:
    outcomes: list[ValueError | Packed] = [ValueError("not yet"), Packed.of(LONG, "text/plain")]

    def make() -> Packed:
        outcome = outcomes.pop(0)
        if isinstance(outcome, ValueError):
            raise outcome
        return outcome

    async def run() -> None:
        once = Once(make)
        with pytest.raises(ValueError, match="not yet"):
            await once.get()
        assert (await once.get()).content == LONG

    asyncio.run(run())
