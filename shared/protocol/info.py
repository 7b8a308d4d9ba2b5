"""What a worker says of itself."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from seedcast.shared.registry import Plugin


class WorkerInfo(BaseModel):
    """What a worker says of itself at GET /info."""

    protocol: int = Field(description="The version of the protocol that it speaks.")
    version: str = Field(description="Seedcast's version.")
    slots: int = Field(description="Units that it computes at a time.")
    queue: int | None = Field(default=None, description="Parts of units that may wait for a slot.")
    cpu: str = Field(description="Its processor.")
    fingerprint: str = Field(description="Equal on machines that give equal bits.")
    populations: list[Literal["rows", "gaussian"]] = Field(
        default=["rows", "gaussian"],
        description="The forms of a unit's members that it takes. Without `gaussian` it gets all of them as rows.",
    )
    environments: list[str] = Field(
        default_factory=list, description="The ids that it has. Without any it gets no rollouts."
    )
    policies: list[str] = Field(default_factory=list, description="The names that it has.")
    objectives: list[str] = Field(
        default_factory=list, description="The ids that it has. It gets evaluations of these alone."
    )
    broken_plugins: list[Plugin] = Field(
        default_factory=list,
        description="What installed packages bring that cannot be used, each with the reason.",
    )
