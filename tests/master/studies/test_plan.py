"""What a study decides, played against made-up runs of every kind and interrupted anywhere."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seedcast.services.master.studies.plan import (
    Extend,
    Finish,
    Instruction,
    Run,
    RunKey,
    RunState,
    Start,
    Stop,
    decide,
)
from seedcast.shared.spec.study import StudySpec
from tests.specs import cartpole_values


def study(**changes: Any) -> StudySpec:
    values: dict[str, Any] = {
        "name": "radius",
        "specification": cartpole_values(),
        "axes": [{"field": "strategy.radius", "values": [1, 2, 3, 4]}],
        "seeds": 2,
        "budget": {"environment_steps": 900, "runs_at_once": 3},
    }
    return StudySpec.model_validate(values | changes)


class World:
    """Runs that do as they are told, in steps of 50, and end as ``fates`` say."""

    def __init__(self, spec: StudySpec, fates: dict[RunKey, tuple[RunState, int]] | None = None) -> None:
        self.spec = spec
        self.runs = dict[RunKey, Run]()
        self.told = list[Instruction]()
        self._fates = fates or {}

    def perform(self, instruction: Instruction) -> None:
        self.told.append(instruction)
        match instruction:
            case Start(key, steps):
                assert key not in self.runs, "a run is created once"
                self.runs[key] = Run(RunState.ACTIVE, 0, steps)
            case Extend(key, steps):
                run = self.runs[key]
                assert run.state is RunState.COMPLETED
                assert run.stop_steps < steps
                self.runs[key] = Run(
                    RunState.ACTIVE, run.environment_steps, steps, run.core_seconds, tests=run.tests
                )
            case Stop(key):
                run = self.runs[key]
                self.runs[key] = Run(
                    RunState.STOPPED, run.environment_steps, run.stop_steps, run.core_seconds, tests=run.tests
                )

    def pass_time(self) -> None:
        for key, run in self.runs.items():
            if run.state is not RunState.ACTIVE:
                continue
            steps = run.environment_steps + 50
            end, when = self._fates.get(key, (RunState.COMPLETED, 10**9))
            state = end if steps >= when else RunState.COMPLETED if steps >= run.stop_steps else RunState.ACTIVE
            tests = [*run.tests, (steps, float(key.trial) + key.seed / 10)]
            self.runs[key] = Run(state, steps, run.stop_steps, run.core_seconds + 36.0, tests=tests)

    def play(self) -> str:
        for _ in range(2000):
            for instruction in decide(self.spec, self.runs):
                if isinstance(instruction, Finish):
                    return instruction.reason
                self.perform(instruction)
            active = sum(run.state is RunState.ACTIVE for run in self.runs.values())
            assert active <= self.spec.budget.runs_at_once
            self.pass_time()
        raise AssertionError("the study does not end")


def test_a_grid_runs_every_setting_on_every_seed_once() -> None:
    world = World(study())
    assert world.play() == "every run has ended"
    assert set(world.runs) == {RunKey(trial, seed) for trial in range(4) for seed in (0, 1)}
    assert {run.environment_steps for run in world.runs.values()} == {900}
    assert len(world.told) == 8


def test_halving_gives_the_best_trials_more_and_more_steps() -> None:
    world = World(study(halving={"first_environment_steps": 100, "keep": 1 / 3}))
    world.play()
    steps = {key: run.environment_steps for key, run in world.runs.items()}
    assert [steps[RunKey(trial, 0)] for trial in range(4)] == [
        100,
        100,
        300,
        900,
    ]  # 4, then the 2 best, then the 1 best
    assert [steps[RunKey(trial, 1)] for trial in range(4)] == [100, 100, 300, 900]


def test_no_trial_goes_on_before_all_of_its_rung_are_there() -> None:
    world = World(study(halving={"first_environment_steps": 100, "keep": 1 / 3}))
    world.play()
    first_extension = next(i for i, told in enumerate(world.told) if isinstance(told, Extend))
    assert all(isinstance(told, Start) for told in world.told[:first_extension])
    assert first_extension == 8


def test_runs_may_compete_each_by_itself_so_that_of_several_starts_the_best_goes_on() -> None:
    world = World(study(axes=[], seeds=3, halving={"first_environment_steps": 100, "keep": 0.4, "among": "runs"}))
    world.play()
    assert [world.runs[RunKey(0, seed)].environment_steps for seed in range(3)] == [100, 250, 900]


def test_a_start_that_fails_is_out_and_another_one_goes_on() -> None:
    spec = study(axes=[], seeds=3, halving={"first_environment_steps": 100, "among": "runs"})
    world = World(spec, {RunKey(0, 2): (RunState.FAILED, 50)})
    assert world.play() == "every run has ended"
    assert [world.runs[RunKey(0, seed)].environment_steps for seed in range(3)] == [100, 900, 50]


def test_a_failed_run_is_no_reason_to_stop_the_others_and_its_trial_goes_no_further() -> None:
    world = World(
        study(halving={"first_environment_steps": 100, "keep": 1 / 3}), {RunKey(3, 1): (RunState.FAILED, 50)}
    )
    assert world.play() == "every run has ended"
    assert world.runs[RunKey(3, 0)].environment_steps == 100
    assert world.runs[RunKey(2, 0)].environment_steps == 900


def test_nothing_starts_once_the_core_hours_are_used_and_what_runs_is_stopped() -> None:
    world = World(study(budget={"environment_steps": 900, "runs_at_once": 2, "core_hours": 0.1}))
    assert "0.1 core-hours" in world.play()
    assert len(world.runs) == 2
    assert {run.state for run in world.runs.values()} == {RunState.STOPPED}


fates = st.dictionaries(
    st.builds(RunKey, st.integers(0, 3), st.integers(0, 1)),
    st.tuples(st.sampled_from([RunState.FAILED, RunState.STOPPED, RunState.COMPLETED]), st.integers(0, 900)),
)


@settings(max_examples=200)
@given(fates=fates, at_once=st.integers(1, 9), among=st.sampled_from([None, "trials", "runs"]))
def test_a_study_always_ends_whatever_becomes_of_its_runs(
    fates: dict[RunKey, tuple[RunState, int]], at_once: int, among: str | None
) -> None:
    spec = study(
        budget={"environment_steps": 900, "runs_at_once": at_once},
        halving={"first_environment_steps": 100, "among": among} if among else None,
    )
    world = World(spec, fates)
    world.play()
    assert not any(run.state is RunState.ACTIVE for run in world.runs.values())


def test_a_run_that_completed_while_its_stop_was_raised_is_told_to_go_on_again() -> None:
    spec = study(axes=[], seeds=1)
    cut = {RunKey(0, 0): Run(RunState.COMPLETED, 300, 900, cut_short=True)}
    assert decide(spec, cut) == [Extend(RunKey(0, 0), 900)]
    solved = {RunKey(0, 0): Run(RunState.COMPLETED, 300, 900)}
    assert decide(spec, solved) == [Finish("every run has ended")]


def test_nothing_is_started_while_more_run_than_may_as_where_a_stopped_run_was_resumed() -> None:
    spec = study(budget={"environment_steps": 900, "runs_at_once": 1})
    resumed = {RunKey(0, seed): Run(RunState.ACTIVE, 50, 900) for seed in (0, 1)}
    assert decide(spec, resumed) == []


@pytest.mark.parametrize("performed", [0, 1, 2])
def test_a_decision_interrupted_midway_is_made_again_without_doing_anything_twice(performed: int) -> None:
    world = World(study())
    first = decide(world.spec, world.runs)
    for instruction in first[:performed]:
        world.perform(instruction)
    assert decide(world.spec, world.runs) == first[performed:]
