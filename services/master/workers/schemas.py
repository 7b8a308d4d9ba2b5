"""What GET /workers answers."""

from __future__ import annotations

from pydantic import BaseModel, Field

from seedcast.services.master.fleet.worker_state import WorkerState
from seedcast.shared.protocol import WorkerInfo


class WorkerView(BaseModel):
    """A worker as the master sees it. Counts are since the worker was discovered."""

    url: str = Field(description="Its address.")
    state: WorkerState
    info: WorkerInfo | None = Field(
        description="What it says of itself: slots, version, protocol, cpu, fingerprint; null before it has."
    )
    in_flight: int = Field(ge=0, description="Units under way to it, in its slots, or in its queue.")
    placement: str = Field(description="Why the scheduler last sent it a unit, or nothing; empty before it did.")
    allowance: int = Field(ge=0, description="Slots that its units may take or wait for now; few at first.")
    slowness: float = Field(gt=0, description="Relative slowness: 2.0 takes twice as long as the median worker.")
    units: int = Field(ge=0, description="Units answered.")
    environment_steps: int = Field(ge=0, description="Environment steps in them.")
    units_per_second: float = Field(ge=0, description="Units per second, over the last 10 s.")
    steps_per_second: float = Field(ge=0, description="Environment steps per second, over the last 10 s.")
    memory_bytes: int | None = Field(
        ge=0, description="Resident memory of it and its slots together; null: it does not say."
    )
    failures: int = Field(ge=0, description="Units lost, and failures named in those answered.")
    last_error: str = Field(description="What was wrong last; it may be well again.")
    resting_seconds: float = Field(
        ge=0, description="Set aside for so many seconds more, as it failed again and again; 0: it is not."
    )
    not_used_by: list[str] = Field(
        description="Running experiments that began on machines with another fingerprint, and use no others "
        "(determinism: strict)."
    )


class WorkerList(BaseModel):
    """All workers known now."""

    workers: list[WorkerView]
