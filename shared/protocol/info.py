"""What a worker says of itself."""

from __future__ import annotations

from pydantic import BaseModel, Field


class WorkerInfo(BaseModel):
    """What a worker says of itself at GET /info."""

    protocol: int
    version: str
    slots: int
    queue: int | None = Field(default=None, description="Parts of units that may wait for a slot.")
    cpu: str
    fingerprint: str = Field(description="Equal on machines that give equal bits.")
    environments: list[str]
    policies: list[str]
