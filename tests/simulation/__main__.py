"""Plays the scheduler in virtual time: ``python -m tests.simulation WHAT``, where WHAT is a command.

* ``{scheduler,dispatcher} SEED [LAST]``: a schedule of accidents, each event on a line; with LAST all seeds up to
  it, quietly, naming those that fail;
* ``replay FILE``: what a master answered to ``GET /debug/events``;
* ``calm``: what the scheduler alone reaches on fleets without accidents;
* ``worth``: what each of its rules gains.
"""
# ruff: noqa: T201

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from seedcast.services.master.scheduling.recording import Recording
from tests.simulation import schedules, virtual_fleet
from tests.simulation.calm import REQUEST_SECONDS, generations
from tests.simulation.replay import replay
from tests.simulation.worth import worth

PLAYS: dict[str, Callable[[int, Callable[[str], None]], object]] = {
    "scheduler": schedules.play,
    "dispatcher": virtual_fleet.play,
}

FLEETS: dict[str, tuple[int, int, int, tuple[float, float], dict[int, float]]] = {
    "1,024 workers of 1 slot, 4,096 rollouts of 0.5-1.5 s": (1024, 1, 4096, (0.5, 1.5), {}),
    "8 workers of 128 slots, 4,096 rollouts of 0.5-1.5 s": (8, 128, 4096, (0.5, 1.5), {}),
    "1,024 workers of 1 slot, 4,096 rollouts of 0.1-0.2 s": (1024, 1, 4096, (0.1, 0.2), {}),
    "8 workers of 128 slots, 4,096 rollouts of 0.1-0.2 s": (8, 128, 4096, (0.1, 0.2), {}),
    "128 workers of 64 slots, 32,768 rollouts of 0.5-1.5 s": (128, 64, 32768, (0.5, 1.5), {}),
    "128 workers of 64 slots, 32,768 rollouts of 0.1-0.2 s": (128, 64, 32768, (0.1, 0.2), {}),
    "4 workers of 1 slot, 64 rollouts of 0.5-1.5 s": (4, 1, 64, (0.5, 1.5), {}),
    "the same, one of them 10 times slower": (4, 1, 64, (0.5, 1.5), {0: 10.0}),
}


def calm() -> None:
    """Print efficiencies, generation by generation."""
    for name, (workers, slots, rollouts, seconds, slow) in FLEETS.items():
        print(name)
        for figures in generations(workers, slots, rollouts, seconds, slow, request_seconds=REQUEST_SECONDS):
            print(
                f"  {figures.seconds:7.3f} s, ideal {figures.ideal:7.3f} s: {figures.efficiency:.1%}, "
                f"{figures.requests} requests, {figures.extra_share:.1%} extra work, "
                f"{figures.decision_seconds * 1e6:.0f} µs of CPU time an event"
            )


def main() -> None:
    """Replay one, or look for failing ones."""
    if sys.argv[1] == "calm":
        calm()
        return
    if sys.argv[1] == "worth":
        for rule, gains in worth():
            print(f"{rule}: a generation without it takes longer by")
            for fleet, (cold, warm) in gains.items():
                print(f"  {fleet:<34} {cold:+7.1%} cold, {warm:+7.1%} warm", flush=True)
        return
    if sys.argv[1] == "replay":
        replay(Recording.from_json(Path(sys.argv[2]).read_text()), print)
        return
    play, first = PLAYS[sys.argv[1]], int(sys.argv[2])
    if len(sys.argv) == 3:
        play(first, print)
        return
    failed = []
    for seed in range(first, int(sys.argv[3]) + 1):
        try:
            play(seed, lambda _: None)
        except Exception as error:
            failed.append(seed)
            print(f"seed {seed}: {type(error).__name__}: {error}", flush=True)
    print(f"{int(sys.argv[3]) + 1 - first} schedules, failed: {failed or 'none'}")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
