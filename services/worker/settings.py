"""The worker's settings, from environment variables with the prefix SEEDCAST_WORKER_."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, Secret
from pydantic_settings import BaseSettings, SettingsConfigDict

from seedcast.shared.access import NamedToken, Right, Token
from seedcast.shared.cpus import usable_cpus
from seedcast.shared.logs import LogFormat
from seedcast.shared.server import require_credentials


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
    fingerprint: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")] | None = Field(
        default=None,
        description="Stands for the machine in place of what is measured: equal ones declare machines equal.",
    )
    slot_memory_bytes: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="A slot that takes more is killed and replaced."
    )
    secret: Secret[Token] | None = Field(
        default=None,
        description="When set, everything but /livez, /readyz and /metrics wants it: Authorization: Bearer …; "
        "the master sends what its variable of the same name holds.",
    )
    allow_anonymous: bool = Field(
        default=False,
        description="Without a secret the worker listens on loopback only, unless this is true: then something "
        "else has to keep strangers away.",
    )
    log_format: LogFormat = Field(
        default="text", description="`json`: one object a line, with severity, for a cluster's collector."
    )

    @property
    def access(self) -> tuple[NamedToken, ...]:
        """The secret, if there is one."""
        return () if self.secret is None else (NamedToken("master", Right.WRITE, self.secret.get_secret_value()),)

    def check_open_door(self) -> None:
        """Refuse to listen off loopback without a secret.

        Raises:
            StartupError: it would, and nobody has said that it may.
        """
        require_credentials(self.host, bool(self.access) or self.allow_anonymous, "SEEDCAST_WORKER_", "SECRET")
