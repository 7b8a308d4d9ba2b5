"""The master's settings, from environment variables with the prefix SEEDCAST_."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


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
