"""What is remembered of every generation and of every test."""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, FiniteFloat


def _finite(figures: Any) -> Any:  # noqa: ANN401 - not validated yet
    """Leave out what JSON has no number for: it would be stored as null, which cannot be read back."""
    if not isinstance(figures, dict):
        return figures
    return {name: figure for name, figure in figures.items() if figure is not None and math.isfinite(figure)}


Fingerprints = Annotated[
    list[str],
    Field(description="Of the workers whose rollouts counted; empty in records of earlier versions."),
]


class ReturnSummary(BaseModel):
    """A sample of returns in five figures, all finite."""

    model_config = ConfigDict(frozen=True)

    mean: FiniteFloat = Field(description="The mean.")
    std: FiniteFloat = Field(description="The standard deviation.")
    minimum: FiniteFloat = Field(description="The least.")
    median: FiniteFloat = Field(description="The median.")
    maximum: FiniteFloat = Field(description="The greatest.")


class Movement(BaseModel):
    """How a generation moved the mean, and whether mirrored halves agree."""

    model_config = ConfigDict(frozen=True)

    update_norm: FiniteFloat = Field(description="Euclidean length of the mean's step.")
    mean_norm: FiniteFloat = Field(description="Euclidean length of the mean after it.")
    update_cosine: FiniteFloat | None = Field(
        default=None,
        description="Between this step and the one before; null where there is none, or one is nothing.",
    )
    mirrored_correlation: FiniteFloat | None = Field(
        default=None,
        description="Spearman's rank correlation between the fitness of mirrored members; null where none are. "
        "Near −1: the fitness is a slope here; near 1: the noise or the curvature is all there is.",
    )


class GenerationRecord(BaseModel):
    """One committed generation."""

    model_config = ConfigDict(frozen=True)

    generation: Annotated[int, Field(description="Counted from 1.")]
    returns: Annotated[ReturnSummary, Field(description="Plain training returns over the rollouts.")]
    fitness: Annotated[ReturnSummary, Field(description="The members' fitness, as the strategy was told.")]
    population_size: Annotated[
        int | None, Field(description="Members evaluated; null in records of earlier versions.")
    ] = None
    quantiles: Annotated[
        list[FiniteFloat],
        Field(description="Of the training returns: 0, 10, …, 100%; empty in records of earlier versions."),
    ] = Field(default_factory=list)
    movement: Movement | None = Field(default=None, description="Null in records of earlier versions.")
    mean_length: Annotated[float, Field(description="Steps per episode.")]
    episode_cap: int | None = Field(description="Where training episodes were cut off, in steps.")
    stage: Annotated[int, Field(description="Of the curriculum, counted from 0; without one always 0.")] = 0
    environment_steps: Annotated[int, Field(description="Training steps up to and with this generation.")]
    elapsed_seconds: Annotated[float, Field(description="Time spent training up to and with this generation.")]
    core_seconds: Annotated[
        float, Field(description="How long slots have worked, tests and repeated rollouts included.")
    ] = 0.0
    generation_seconds: float = Field(description="How long it took.")
    master_seconds: Annotated[float, Field(description="Of those, ask and tell on the master.")]
    ask_seconds: Annotated[
        float | None, Field(description="Of those, making the population; null in records of earlier versions.")
    ] = None
    failed_members: int = Field(default=0, description="Members without a return, ranked with the worst.")
    retried_rollouts: int = Field(default=0, description="Rollouts that were run again.")
    lost_units: int = Field(default=0, description="Units whose worker was lost with them.")
    hedged_units: int = Field(default=0, description="Units also sent to a second worker, as the first took long.")
    resumed: bool = Field(default=False, description="Whether the run was taken up anew before it.")
    strategy: Annotated[dict[str, float], BeforeValidator(_finite)] = Field(
        default_factory=dict, description="The strategy's own figures, where they are finite."
    )
    parameters_sha256: Annotated[str, Field(description="Of the mean parameters after this generation.")]
    fingerprints: Fingerprints = Field(default_factory=list)


class Retraining(BaseModel):
    """A test fell too far below the best one: the search went back there."""

    model_config = ConfigDict(frozen=True)

    best_generation: Annotated[int, Field(description="Whose solution the search went on from.")]
    best_return: Annotated[float, Field(description="That solution's mean test return.")]
    dropped_steps: Annotated[
        int, Field(description="Training steps of the generation beside the test, which was dropped.")
    ]
    dropped_seconds: Annotated[float, Field(description="Training time of the same.")]


class TestRecord(BaseModel):
    """One test of the solution as of a generation: plain returns, nothing shaped or capped."""

    model_config = ConfigDict(frozen=True)

    generation: int = Field(description="The one that it was made after.")
    returns: ReturnSummary = Field(description="Plain returns over the episodes.")
    screening: Annotated[
        ReturnSummary | None,
        Field(description="The first test, where `returns` are those of the second, on fresh episodes."),
    ] = None
    episodes: int = Field(description="How many were played.")
    mean_length: float = Field(description="Steps per episode.")
    environment_steps: Annotated[int, Field(description="Training steps up to the tested generation.")]
    elapsed_seconds: Annotated[float, Field(description="Training time up to the tested generation.")]
    episode_returns: list[FiniteFloat] = Field(description="Each one, in the order of their seeds.")
    core_seconds: Annotated[float, Field(description="How long slots worked on this test.")] = 0.0
    training_core_seconds: Annotated[
        float, Field(description="How long slots had worked up to the tested generation, earlier tests included.")
    ] = 0.0
    failed_episodes: Annotated[
        int, Field(description="Of the episodes; each counts as the worst return of the others.")
    ] = 0
    fingerprints: Fingerprints = Field(default_factory=list)
    retraining: Annotated[
        Retraining | None, Field(description="Set if the search went back to its best after this test.")
    ] = None
