"""The master's settings, from environment variables with the prefix SEEDCAST_."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, Secret, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

from seedcast.services.master.autoscale.plan import Limits as AutoscaleLimits
from seedcast.services.master.experiments.prices import Prices
from seedcast.shared.access import NamedToken, Right, Token, parse_tokens
from seedcast.shared.logs import LogFormat
from seedcast.shared.server import require_credentials
from seedcast.shared.validation import contradiction


def _tokens(text: str) -> str:
    try:
        parse_tokens(text)
    except ValueError as error:
        raise PydanticCustomError("tokens", "{reason}", {"reason": str(error)}) from None
    return text


Tokens = Annotated[str, AfterValidator(_tokens)]


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
    tokens: Secret[Tokens] | None = Field(
        default=None,
        description="More of them, each with a name and a right: `ann:write:TOKEN grafana:read:TOKEN`. One to "
        "read with changes nothing.",
    )
    allow_anonymous: bool = Field(
        default=False,
        description="Without a token the master listens on loopback only, unless this is true: then something "
        "else has to keep strangers away.",
    )
    allowed_hosts: str = Field(
        default="",
        description="Names, separated by commas, that a master without a token answers for besides addresses and "
        "names that no stranger can register: localhost, *.svc, *.cluster.local, *.internal, those without a dot.",
    )
    worker_secret: Secret[Token] | None = Field(
        default=None, description="What the workers want of the master, as their SEEDCAST_WORKER_SECRET."
    )
    artifacts: str | None = Field(
        default=None, description="Where artifacts are copied to: gs://bucket/folder, or another URL of fsspec."
    )
    models_kept: Annotated[int, Field(ge=2, le=100_000)] = Field(
        default=100,
        description="Of an experiment's tested models about so many stay: a spread, besides best and newest.",
    )
    log_format: LogFormat = Field(
        default="text", description="`json`: one object a line, with severity, for a cluster's collector."
    )
    autoscale_minimum: Annotated[int, Field(ge=0, le=10_000)] = Field(
        default=0, description="Workers that GET /autoscale asks for when nothing runs."
    )
    autoscale_maximum: Annotated[int, Field(ge=1, le=10_000)] = Field(
        default=100, description="Workers that GET /autoscale asks for at most."
    )
    autoscale_rollouts_per_slot: Annotated[float, Field(ge=1, le=1e6)] = Field(
        default=4.0, description="Rollouts of a generation that GET /autoscale plans for each slot."
    )
    autoscale_hold_seconds: Annotated[float, Field(ge=0, le=86_400)] = Field(
        default=120.0, description="How long GET /autoscale keeps a plan after the work it was made for."
    )

    price_per_core_hour: Annotated[float, Field(ge=0, le=1e6)] | None = Field(
        default=None,
        description="What a core-hour of the workers costs on demand, memory included, in whatever currency.",
    )
    spot_price_per_core_hour: Annotated[float, Field(ge=0, le=1e6)] | None = Field(
        default=None, description="The same on Spot machines."
    )

    @model_validator(mode="after")
    def _minimum_within_the_maximum(self) -> Self:
        if self.autoscale_minimum > self.autoscale_maximum:
            reason = f"is above SEEDCAST_AUTOSCALE_MAXIMUM {self.autoscale_maximum}, got {self.autoscale_minimum}"
            raise contradiction("autoscale_minimum", reason)
        return self

    @property
    def autoscale(self) -> AutoscaleLimits:
        """What bounds the plan of GET /autoscale."""
        return AutoscaleLimits(
            minimum=self.autoscale_minimum,
            maximum=self.autoscale_maximum,
            rollouts_per_slot=self.autoscale_rollouts_per_slot,
            hold_seconds=self.autoscale_hold_seconds,
        )

    @property
    def prices(self) -> Prices:
        """What core-hours cost."""
        return Prices(self.price_per_core_hour, self.spot_price_per_core_hour)

    @property
    def access(self) -> tuple[NamedToken, ...]:
        """Every token there is, with what it is good for; none: everybody may call."""
        own = [] if self.token is None else [NamedToken("token", Right.WRITE, self.token.get_secret_value())]
        return (*own, *(() if self.tokens is None else parse_tokens(self.tokens.get_secret_value())))

    @property
    def hosts(self) -> frozenset[str]:
        """The names in ``allowed_hosts``."""
        return frozenset(name.strip().lower() for name in self.allowed_hosts.split(",") if name.strip())

    def check_open_door(self) -> None:
        """Refuse to listen off loopback without a token.

        Raises:
            StartupError: it would, and nobody has said that it may.
        """
        require_credentials(self.host, bool(self.access) or self.allow_anonymous, "SEEDCAST_", "TOKEN")
