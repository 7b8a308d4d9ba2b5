"""What an experiment's core-hours cost, as far as whoever pays has said what one costs."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field


class Cost(BaseModel):
    """An estimate, in the currency of the prices; the master and what workers cost while they idle come on top."""

    model_config = ConfigDict(frozen=True)

    on_demand: float | None = Field(description="All core-hours at SEEDCAST_PRICE_PER_CORE_HOUR.")
    spot: float | None = Field(description="All core-hours at SEEDCAST_SPOT_PRICE_PER_CORE_HOUR.")


@dataclass(frozen=True)
class Prices:
    """Prices of a core-hour, memory included."""

    on_demand: float | None = None
    spot: float | None = None

    def cost(self, core_hours: float) -> Cost | None:
        """Return what so many core-hours cost; None where no price is known."""
        if self.on_demand is None and self.spot is None:
            return None
        return Cost(
            on_demand=None if self.on_demand is None else core_hours * self.on_demand,
            spot=None if self.spot is None else core_hours * self.spot,
        )


NOT_TOLD = Prices()
