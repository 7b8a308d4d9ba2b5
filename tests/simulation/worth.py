"""What each rule of the scheduler gains: generations with it, and without it, on fleets in virtual time.

A request takes a millisecond of the master's time, one after another: so what spares requests shows, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from seedcast.services.master.scheduling.tuning import Tuning
from tests.simulation.calm import REQUEST_SECONDS, generations

WITHOUT = {
    "hedging": Tuning(patience=inf),
    "wide units": Tuning(most_request_share=inf, easy_request_share=inf, start_share=inf),
    "earning the queue": Tuning(first_share=2.0),
    "two thirds of what is left": Tuning(tolerance=1.001),
    "leaving the last to others": Tuning(slow=inf),
    "a queue beyond the slots": Tuning(queue_share=0.0, wide_queue_share=0.0),
    "more of it behind wide units": Tuning(wide_queue_share=Tuning.queue_share),
    "a least duration of units": Tuning(minimum_unit_seconds=1e-6),
}

FLEETS: dict[str, tuple[int, int, int, tuple[float, float], dict[int, float]]] = {
    "8 x 128, 0.5-1.5 s": (8, 128, 4096, (0.5, 1.5), {}),
    "8 x 128, 0.1-0.2 s": (8, 128, 4096, (0.1, 0.2), {}),
    "128 x 8, 0.1-0.2 s": (128, 8, 4096, (0.1, 0.2), {}),
    "256 x 1, 0.1-0.2 s": (256, 1, 1024, (0.1, 0.2), {}),
    "4 x 1, 0.5-1.5 s": (4, 1, 64, (0.5, 1.5), {}),
    "one of 4 x 1 10x slow": (4, 1, 64, (0.5, 1.5), {0: 10.0}),
    "one of 4 x 4 10x slow, 0.05-0.2 s": (4, 4, 256, (0.05, 0.2), {0: 10.0}),
    "2 of 4 x 2 10x slow": (4, 2, 64, (0.5, 1.5), {0: 10.0, 1: 10.0}),
    "5 of 16 x 1 10x slow": (16, 1, 128, (0.5, 1.5), dict.fromkeys(range(5), 10.0)),
    "4 x 8, moments of 1 ms": (4, 8, 2048, (0.001, 0.001), {}),
}


def worth(warm: int = 4) -> Iterator[tuple[str, dict[str, tuple[float, float]]]]:
    """Yield for each rule by how much it shortens the first, and the later, generations of each fleet."""
    usual = {fleet: _seconds(fleet, Tuning(), warm) for fleet in FLEETS}
    for rule, tuning in WITHOUT.items():
        gains = {}
        for fleet, (cold, later) in usual.items():
            without_cold, without_later = _seconds(fleet, tuning, warm)
            gains[fleet] = (without_cold / cold - 1, without_later / later - 1)
        yield rule, gains


def _seconds(fleet: str, tuning: Tuning, warm: int) -> tuple[float, float]:
    workers, slots, rollouts, seconds, slow = FLEETS[fleet]
    first, *later = generations(
        workers, slots, rollouts, seconds, slow, count=1 + warm, tuning=tuning, request_seconds=REQUEST_SECONDS
    )
    return first.seconds, sum(figures.seconds for figures in later)
