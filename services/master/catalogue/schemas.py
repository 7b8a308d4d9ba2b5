"""What the catalogue says of a registered strategy or policy."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from seedcast.shared.protocol import OfferedEnvironment
from seedcast.shared.registry import Plugin


class MemoryNeed(BaseModel):
    """What a strategy with its default hyperparameters holds at its peak, on the master."""

    model_config = ConfigDict(frozen=True)

    dimension: int = Field(description="Parameters of the policy.")
    population_size: int = Field(description="Members of a generation.")
    bytes: int = Field(description="What it takes.")
    fits: bool = Field(description="Whether that is within the strategy's limit; if not, it is refused.")


class PluginDescription(BaseModel):
    """What is registered under a name, and how it is configured."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(description="What a specification calls it.")
    summary: str = Field(description="One line.")
    hyperparameters: dict[str, JsonValue] = Field(
        description="JSON Schema of its part of a specification, with defaults and descriptions."
    )


class StrategyDescription(PluginDescription):
    """A registered strategy."""

    suits: str = Field(description="When to choose it.")
    paper: str = Field(description="URL of the paper or reference implementation that it follows.")
    mirrored: bool = Field(description="Whether members come in pairs, mean ± the same perturbation.")
    resizable: bool = Field(description="Whether `adaptive_population` may change the population's size.")
    memory_limit: int = Field(description="Bytes; an experiment that would take more is refused.")
    memory: list[MemoryNeed] = Field(description="None where a hyperparameter has no default.")


class StrategyList(BaseModel):
    """All registered strategies, by name."""

    strategies: list[StrategyDescription]
    broken: list[Plugin] = Field(description="Installed ones that cannot be used, each with the reason.")


class PolicyList(BaseModel):
    """All registered policies, by name."""

    policies: list[PluginDescription]
    broken: list[Plugin] = Field(description="Installed ones that cannot be used, each with the reason.")


class EnvironmentList(BaseModel):
    """Environments, by id."""

    environments: list[OfferedEnvironment]
    total: int = Field(description="How many match; more than are listed where `limit` cuts them off.")
    complete: bool = Field(
        default=True,
        description="False while a worker has been asked and has not answered yet: of some there is the id alone. "
        "Ask again, or let the request `wait`.",
    )
