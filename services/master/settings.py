"""The master's settings, from environment variables with the prefix SEEDCAST_."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, Secret, StringConstraints
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.master.autoscale.plan import Limits as AutoscaleLimits

Token = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[A-Za-z0-9._~+/-]{16,4096}=*$")]
"""What RFC 6750 lets a bearer token consist of, and enough of it not to be guessed."""


class Settings(BaseSettings):
    """One variable each: `SEEDCAST_DATA=/data`."""

    model_config = SettingsConfigDict(env_prefix="SEEDCAST_", extra="ignore", frozen=True)

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    data: Path = Path("runs")
    workers: str = Field(
        default="http://127.0.0.1:8001",
        description="Where the workers are: URLs or dns://service:port, separated by commas.",
    )
    unit_seconds: Annotated[float, Field(gt=0, le=60)] = Field(
        default=2.0, description="How long a unit of rollouts should take a slot."
    )
    token: Secret[Token] | None = Field(
        default=None,
        description="When set, everything but /livez, /readyz and /metrics wants it: Authorization: Bearer …, or "
        "Basic with any name and it as the password. 16 characters or more, of A-Z a-z 0-9 . _ ~ + / -",
    )
    artifacts: str | None = Field(
        default=None, description="Where artifacts are copied to: gs://bucket/folder, or another URL of fsspec."
    )
    autoscale_minimum: Annotated[int, Field(ge=0, le=10_000)] = Field(
        default=0, description="Workers that GET /autoscale asks for when nothing runs."
    )
    autoscale_maximum: Annotated[int, Field(ge=1, le=10_000)] = Field(
        default=100, description="Workers that GET /autoscale never exceeds."
    )
    autoscale_rollouts_per_slot: Annotated[float, Field(ge=1, le=1e6)] = Field(
        default=4.0, description="Rollouts of a generation that GET /autoscale plans for each slot."
    )
    autoscale_hold_seconds: Annotated[float, Field(ge=0, le=86_400)] = Field(
        default=120.0, description="How long GET /autoscale keeps a plan after the work it was made for."
    )

    @property
    def autoscale(self) -> AutoscaleLimits:
        """What bounds the plan of GET /autoscale."""
        return AutoscaleLimits(
            minimum=self.autoscale_minimum,
            maximum=self.autoscale_maximum,
            rollouts_per_slot=self.autoscale_rollouts_per_slot,
            hold_seconds=self.autoscale_hold_seconds,
        )
