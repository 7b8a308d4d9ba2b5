"""Plays the recorded events of a real master again: an incident becomes a test."""

from __future__ import annotations

from collections.abc import Callable

from seedcast.services.master.scheduling.instructions import Settle
from seedcast.services.master.scheduling.recording import Recording
from seedcast.services.master.scheduling.scheduler import Scheduler


def replay(recording: Recording, log: Callable[[str], None]) -> Scheduler:
    """Tell a new scheduler all events; log each with its instructions, and return the scheduler.

    Raises:
        ValueError: a complete recording is answered with other instructions than it was.
    """
    scheduler = Scheduler(recording.tuning)
    if not recording.complete:
        log("it does not reach back to the master's start: units and jobs from before are unknown here")
    for recorded in recording.events:
        try:
            instructions = scheduler.handle(recorded.event, recorded.at)
        except KeyError as unknown:
            if recording.complete:
                raise
            log(f"{recorded.at:12.3f} {recorded.event}: {unknown} is from before")
            continue
        log(f"{recorded.at:12.3f} {recorded.event}")
        for instruction in instructions:
            shown = f"Settle {len(instruction.counted)}" if isinstance(instruction, Settle) else instruction
            log(f"{'':12} → {shown}")
        if recording.complete and len(instructions) != recorded.instructions:
            raise ValueError(f"{recorded.event}: {len(instructions)} instructions, were {recorded.instructions}")
    return scheduler
