"""The worker's settings, from environment variables with the prefix SEEDCAST_WORKER_."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


def usable_cpus() -> int:
    """Return how many processors this process may use: its affinity, and its control group's quota."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, _quota() or allowed))


def _quota() -> int | None:
    """Read the control group's limit, rounded up to whole processors (version 2, which Kubernetes sets)."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return -(-int(quota) // int(period))
    except (OSError, ValueError):  # no such file, or "max"
        return None


class Settings(BaseSettings):
    """One variable each: `SEEDCAST_WORKER_SLOTS=4`."""

    model_config = SettingsConfigDict(env_prefix="SEEDCAST_WORKER_", extra="ignore", frozen=True)

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8001
    slots: Annotated[int, Field(ge=1, le=1024)] = Field(
        default_factory=usable_cpus, description="Child processes that compute."
    )
    queue: Annotated[int, Field(ge=0, le=100_000)] = Field(
        default_factory=lambda data: 2 * int(data["slots"]),
        description="Requests that may wait for a slot.",
    )
    max_body_bytes: Annotated[int, Field(ge=1)] = 256 * 2**20
    shutdown_seconds: Annotated[int, Field(ge=0, le=600)] = Field(
        default=8, description="How long running units may go on after SIGTERM."
    )
    slot_memory_bytes: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="A slot that takes more is killed and replaced."
    )
