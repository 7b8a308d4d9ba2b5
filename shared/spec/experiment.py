"""`ExperimentSpec`: what a file in configs/ holds and what POST /experiments takes."""

from __future__ import annotations

import math
from typing import Annotated, Literal, Self

from pydantic import Field, PrivateAttr, ValidationError, model_validator

from seedcast.shared.spec.base import Spec
from seedcast.shared.spec.curriculum import Curriculum
from seedcast.shared.spec.environment import EnvironmentSpec
from seedcast.shared.spec.objective import ObjectiveSpec
from seedcast.shared.spec.policy import AnyPolicySpec
from seedcast.shared.spec.strategies import STRATEGIES, AnyStrategySpec
from seedcast.shared.spec.task import TaskFields
from seedcast.shared.validation import contradiction, invalid

Tag = Annotated[str, Field(min_length=1, max_length=100)]


class EpisodeCapSpec(Spec):
    """Caps training episodes at a multiple of the last generation's mean length: early ones need no more."""

    minimum: Annotated[int, Field(ge=1, le=1_000_000)] = Field(description="The cap never falls below this.")
    multiple: Annotated[float, Field(ge=1, le=100)] = Field(
        default=2.0, description="The cap, in the last generation's mean lengths."
    )
    growth: Annotated[float, Field(gt=1, le=100)] | None = Field(
        default=None,
        description="For tasks that one can stand still in: the cap never falls, and it grows by this factor, no "
        "more, after a generation whose mean length times `multiple` reached it.",
    )

    def following(self, cap: int, mean_length: float) -> int:
        """Return the cap after a generation of ``mean_length`` under ``cap``, in steps."""
        wanted = self.multiple * mean_length
        if self.growth is not None:
            wanted = self.growth * cap if wanted >= cap else cap
        return max(self.minimum, math.ceil(wanted))


class AdaptivePopulationSpec(Spec):
    """Sizes each population by the last generation's mean episode length, to use about as many steps in each."""

    environment_steps: Annotated[int, Field(ge=1, le=10**12)] = Field(
        description="Training steps that a generation aims at."
    )
    maximum: Annotated[int, Field(ge=2, le=100_000)] = Field(
        description="The population never grows above this, nor shrinks below `population_size`."
    )


class RetrainSpec(Spec):
    """Goes back to the best tested solution when a test falls too far below it.

    The search restarts there: the mean and the normaliser are those of the best test, step sizes stay, momentum is
    forgotten. The generation that ran beside the test is dropped, and its steps and seconds still count.
    """

    tolerance: Annotated[float, Field(ge=0, le=1e9)] = Field(
        default=0.0, description="How far below the best test's mean return a test may fall."
    )
    relative_tolerance: Annotated[float, Field(ge=0, le=1000)] = Field(
        default=0.1, description="The same, as a part of the best mean's size; the larger of the two counts."
    )

    def regressed(self, score: float, best: float) -> bool:
        """Whether a mean test return is too far below the best one."""
        return best - score > max(self.tolerance, self.relative_tolerance * abs(best))


class FinishBonusSpec(Spec):
    """Rewards episodes that come to their end, where to get there matters more than the way."""

    amount: Annotated[float, Field(ge=-1e9, le=1e9)] = Field(description="Added to the episode's fitness.")
    above: Annotated[float, Field(ge=-1e9, le=1e9)] = Field(
        default=0.0,
        description="An episode has finished if it terminates, truncation apart, with a last reward above this "
        "(-100 for BipedalWalker, where a fall is rewarded with -100).",
    )


class FitnessSpec(Spec):
    """How rewards become fitness while training. Tests are always the plain return."""

    drop_terminal_penalty: Annotated[float, Field(gt=0, le=1e9)] | None = Field(
        default=None,
        description="An episode's terminating reward counts 0 if it is at or below minus this "
        "(100 drops the fall penalty of BipedalWalker).",
    )
    finish_bonus: FinishBonusSpec | None = None
    subtract_per_step: Annotated[float, Field(ge=-1e6, le=1e6)] = Field(
        default=0.0, description="Taken off every step's reward: an alive bonus to be ignored."
    )
    aggregate: Literal["mean", "median", "min", "quantile"] = Field(
        default="mean", description="How a member's episodes become its fitness."
    )
    quantile: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.25, description="Which, where `aggregate` is quantile: 0 is the worst episode, 1 the best."
    )
    episode_cap: EpisodeCapSpec | None = None
    failed_member: Literal["worst", "fail"] = Field(
        default="worst",
        description="A member whose rollouts keep failing is ranked with the worst, or ends the experiment.",
    )


class TestSpec(Spec):
    """When and on how many episodes the strategy's current solution is tested."""

    every: Annotated[int, Field(ge=1, le=1_000_000)] = Field(default=20, description="In generations.")
    episodes: Annotated[int, Field(ge=1, le=10_000)] = Field(default=100, description="How many a test plays.")
    confirm_episodes: Annotated[int, Field(ge=1, le=10_000)] | None = Field(
        default=None,
        description="A test that would be the best so far, or reach the target, is made again on so many fresh "
        "episodes, and their mean is what counts: the best of many tests on few episodes is flattered by luck.",
    )
    confirm_from: float | None = Field(
        default=None,
        description="A score short of this (and of the target) counts unconfirmed: while a search rises, nearly "
        "every test is the best so far. Give one well below what it is to reach: a lucky unconfirmed score may "
        "stay the best beside confirmed ones near it. null: all are confirmed.",
    )

    @model_validator(mode="after")
    def _something_to_confirm(self) -> Self:
        if self.confirm_from is not None and self.confirm_episodes is None:
            raise contradiction("confirm_from", "says which tests are confirmed: give confirm_episodes, too")
        return self


class StopSpec(Spec):
    """When training ends: whichever comes first."""

    generations: Annotated[int, Field(ge=1, le=10_000_000)] = Field(default=1000, description="After so many.")
    test_return: float | None = Field(default=None, description="The mean test return that counts as solved.")
    value: float | None = Field(
        default=None,
        description="Of an objective, in its own sign: the mean tested value that counts as solved. It is reached "
        "from above where the objective is minimised.",
    )
    environment_steps: Annotated[int, Field(ge=1, le=10**15)] | None = Field(
        default=None, description="After so many training steps."
    )
    wall_time_seconds: Annotated[float, Field(gt=0, le=10**9)] | None = Field(
        default=None, description="Time spent training, restarts not counted."
    )

    @property
    def target(self) -> float | None:
        """What a test has to reach: a return, or an objective's value in its own sign."""
        return self.value if self.test_return is None else self.test_return


class ExperimentSpec(TaskFields, Spec):
    """One experiment, whole. The same specification always gives the same parameters."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=100)] = Field(
        description="The id begins with it: a-z, 0-9, - and _."
    )
    seed: Annotated[int, Field(ge=0, lt=2**63)] = Field(
        default=0, description="Every random number follows from it."
    )
    environment: EnvironmentSpec | None = Field(default=None, description="What the policy acts in.")
    policy: AnyPolicySpec | None = Field(default=None, description="What acts in the environment.")
    objective: ObjectiveSpec | None = Field(
        default=None, description="A function to optimise, in place of an environment and a policy."
    )
    strategy: AnyStrategySpec
    population_size: Annotated[int, Field(ge=2, le=100_000)] = Field(description="Members that a generation has.")
    adaptive_population: AdaptivePopulationSpec | None = None
    episodes_per_member: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=1, description="Training episodes that each member plays."
    )
    episode_seeds: Literal["generation", "pair", "member"] = Field(
        default="member",
        description="Which members share their episodes' seeds: all of a generation, the two of a mirrored "
        "pair, or none.",
    )
    fitness: FitnessSpec = FitnessSpec()
    curriculum: Curriculum = Field(
        default_factory=list,
        description="Stages before the task itself, in order, each with what differs in it and when it ends. "
        "Mean, σ, momentum and normaliser go on, but a stage with another `sigma_init` or `radius` than the one "
        "before begins with it; tests are always of the task itself.",
    )
    test: TestSpec = TestSpec()
    retrain: RetrainSpec | None = None
    determinism: Literal["strict", "relaxed"] = Field(
        default="strict",
        description="Machines of another kind may give other bits. strict: only workers with the fingerprint that "
        "the experiment began with are used. relaxed: all are, and a run with several is labelled as mixed. An "
        "environment that does not follow its seed is refused where strict, labelled by `seed_fault` else.",
    )
    stop: StopSpec = StopSpec()
    share: Annotated[float, Field(ge=0.01, le=100)] = Field(
        default=1.0,
        description="A weight beside other experiments: with 3 it has three slots where one with 1 has one. It "
        "changes when work is done, never its results.",
    )
    tags: Annotated[dict[Tag, Tag], Field(max_length=50)] = Field(
        default_factory=dict, description="To find it by."
    )
    warm_start: Annotated[str, Field(min_length=1, max_length=500)] | None = Field(
        default=None,
        description="A model file to start from, as a path below the master's data folder, such as "
        "`experiments/ID/best_model.npz`.",
    )
    warm_start_observations: Annotated[int, Field(ge=2, le=10**15)] | None = Field(
        default=None,
        description="As how many observations the normaliser of the model to start from counts. null: as many as "
        "it has seen: it hardly changes. Where the new task looks otherwise, fewer let it adapt: with 2 it "
        "is that of the new task after a generation.",
    )

    @model_validator(mode="after")
    def _something_to_carry_over(self) -> Self:
        if self.warm_start_observations is not None and self.warm_start is None:
            raise contradiction("warm_start_observations", "is of the model to start from: give warm_start, too")
        return self

    @model_validator(mode="after")
    def _one_task(self) -> Self:
        self.check_task()
        if self.objective is None and self.stop.value is not None:
            raise contradiction("stop.value", "is of objectives; of an environment it is test_return")
        if self.objective is not None and (misplaced := self._only_of_episodes()):
            raise contradiction(*misplaced)
        return self

    def _only_of_episodes(self) -> tuple[str, str] | None:
        """Return the first field, with the reason, that means nothing for an objective."""
        if self.stop.test_return is not None:
            return "stop.test_return", "is of environments; of an objective it is value"
        for field in ("drop_terminal_penalty", "finish_bonus", "subtract_per_step", "episode_cap"):
            if getattr(self.fitness, field) != FitnessSpec.model_fields[field].default:
                return f"fitness.{field}", "is of episodes, and an objective has none: leave it out"
        return None

    @model_validator(mode="after")
    def _fits_the_strategy(self) -> Self:
        strategy = STRATEGIES[self.strategy.name]
        if reason := strategy.refuse_population_size(self.population_size):
            raise contradiction("population_size", f"{reason}, got {self.population_size}")
        if self.episode_seeds == "pair" and not strategy.mirrored:
            reason = f"pair needs a strategy with mirrored sampling, which {self.strategy.name} has not"
            raise contradiction("episode_seeds", reason)
        return self

    @model_validator(mode="after")
    def _adapts_within_what_the_strategy_takes(self) -> Self:
        if self.adaptive_population is None:
            return self
        strategy, maximum = STRATEGIES[self.strategy.name], self.adaptive_population.maximum
        if not strategy.resizable:
            fixed = f"needs a strategy whose population may change its size, which {self.strategy.name}'s may not"
            raise contradiction("adaptive_population", fixed)
        if maximum < self.population_size:
            raise contradiction(
                "adaptive_population.maximum", f"is below population_size {self.population_size}, got {maximum}"
            )
        if reason := strategy.refuse_population_size(maximum):
            raise contradiction("adaptive_population.maximum", f"{reason}, got {maximum}")
        return self

    @model_validator(mode="after")
    def _bounded_generation(self) -> Self:
        rollouts = self.own_largest_population * self.episodes_per_member
        if rollouts > 1_000_000:
            size = "adaptive_population.maximum" if self.adaptive_population else "population_size"
            reason = f"{size} x episodes_per_member is {rollouts}, over the limit of 1000000"
            raise contradiction("episodes_per_member", reason)
        return self

    _stages: tuple[ExperimentSpec, ...] = PrivateAttr(default=())

    @model_validator(mode="after")
    def _stages_hold(self) -> Self:
        if not self.curriculum:
            return self
        values, stages = self.model_dump(), list[ExperimentSpec]()
        for number, stage in enumerate(self.curriculum):
            if (name := stage.strategy.get("name", self.strategy.name)) != self.strategy.name:
                reason = f"the strategy stays {self.strategy.name} through all stages, got {name}"
                raise contradiction(f"curriculum.{number}.strategy.name", reason)
            try:
                stages.append(ExperimentSpec.model_validate(stage.applied_to(values)))
            except ValidationError as error:
                first = invalid(error).errors[0]
                raise contradiction(f"curriculum.{number}.{first.field}", first.reason) from error
        self._stages = tuple(stages)
        return self

    def stage(self, number: int) -> ExperimentSpec:
        """Return the whole specification of a stage; the one after the last of the curriculum is this one."""
        return self._stages[number] if number < len(self._stages) else self

    @property
    def stages(self) -> tuple[ExperimentSpec, ...]:
        """Every stage's specification, the task itself last."""
        return (*self._stages, self)

    @property
    def largest_population(self) -> int:
        """The most members that a generation may have, in any stage."""
        return max(stage.own_largest_population for stage in self.stages)

    @property
    def own_largest_population(self) -> int:
        """The most members that a generation may have, in this stage."""
        return self.adaptive_population.maximum if self.adaptive_population else self.population_size

    @property
    def largest_generation(self) -> int:
        """The most rollouts that a generation may have, in any stage."""
        return max(stage.own_largest_population * stage.episodes_per_member for stage in self.stages)
