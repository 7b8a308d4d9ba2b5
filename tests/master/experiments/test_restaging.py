"""Other stages for a run under way: what is taken leaves every generation so far in the settings that it had."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from seedcast.services.master.experiments.restaging import refuse_another_past, stage_after
from seedcast.shared.errors import InvalidInput
from seedcast.shared.spec.experiment import ExperimentSpec
from seedcast.shared.spec.parse import check_spec
from tests.master.records import generation, summary
from tests.specs import cartpole_values

STEPS = 100  # of a generation


def spec_of(stages: list[dict[str, Any]]) -> ExperimentSpec:
    return check_spec(cartpole_values() | {"curriculum": stages}, taken_in=True)


def stage(episodes: int | None, **until: float) -> dict[str, Any]:
    return {"until": until, "episodes_per_member": episodes}


def replayed(spec: ExperimentSpec, history: list[tuple[int, int]]) -> tuple[list[int], int]:
    """Return each generation's episodes a member, the next one's last, and the next one's stage.

    ``history`` has the training return of each generation, and the return of the last test before it.
    """
    found, number = list[int](), 0
    for i, (training_return, test_return) in enumerate(history, start=1):
        found.append(spec.stage(number).episodes_per_member)
        seen = {"stage": number, "environment_steps": STEPS * i, "returns": summary(training_return)}
        number = stage_after(spec, generation(i).model_copy(update=seen), test_return, sign=1)
    return [*found, spec.stage(number).episodes_per_member], number


ends = st.fixed_dictionaries(
    {},
    optional={
        "generations": st.integers(1, 6),
        "environment_steps": st.integers(1, 600),
        "training_return": st.integers(0, 5),
        "test_return": st.integers(0, 5),
    },
).filter(bool)
stages = st.lists(st.builds(lambda end, episodes: stage(episodes, **end), ends, st.integers(1, 3)), max_size=4)
scores = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=6)


@given(stages, ends, stages, st.integers(0, 3), scores)
def test_a_run_from_the_start_by_what_is_taken_comes_to_the_same_place(
    first: list[dict[str, Any]],
    end: dict[str, float],
    others: list[dict[str, Any]],
    kept: int,
    history: list[tuple[int, int]],
) -> None:
    ended = [one | {"until": end} for one in first[kept : kept + 1]]
    before, after = spec_of(first), spec_of([*first[:kept], *ended, *others])
    settings, present = replayed(before, history)
    try:
        refuse_another_past(before, after, present, len(history), STEPS * len(history))
    except InvalidInput:
        assume(False)
    assert replayed(after, history)[0] == settings


FIRST = [stage(1, generations=2), stage(5, generations=9)]


@pytest.mark.parametrize(
    ("stages", "field", "reason"),
    [
        ([stage(3, generations=2), FIRST[1]], "curriculum.0", "is over"),
        ([stage(1, generations=3), FIRST[1]], "curriculum.0", "is over"),
        ([], "curriculum.0", "is over"),
        ([FIRST[0]], "curriculum.1", "only its end"),
        ([FIRST[0], stage(3, generations=9)], "curriculum.1", "only its end"),
        ([FIRST[0], stage(5, generations=4)], "curriculum.1.until.generations", "has 4 by now: give more, got 4"),
        ([FIRST[0], stage(5, environment_steps=400)], "curriculum.1.until.environment_steps", "has 400 by now"),
        ([FIRST[0], stage(5, test_return=400)], "curriculum.1.until.test_return", "end it by generations"),
    ],
)
def test_what_would_have_been_another_run_is_refused_by_its_field(
    stages: list[dict[str, Any]], field: str, reason: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        refuse_another_past(spec_of(FIRST), spec_of(stages), 1, 4, 4 * STEPS)
    assert refusal.value.errors[0].field == field
    assert reason in refusal.value.errors[0].reason


@pytest.mark.parametrize(
    "stages",
    [
        FIRST,
        [FIRST[0], stage(5, generations=5), stage(3, test_return=7)],
        [FIRST[0], stage(5, generations=50, environment_steps=401)],
    ],
)
def test_the_present_stage_may_end_at_another_time_and_others_follow(stages: list[dict[str, Any]]) -> None:
    refuse_another_past(spec_of(FIRST), spec_of(stages), 1, 4, 4 * STEPS)


def test_a_run_in_the_task_itself_is_given_stages_to_come() -> None:
    before = spec_of(FIRST[:1])
    task = stage(None, generations=5)
    refuse_another_past(before, spec_of([FIRST[0], task, stage(3, generations=9)]), 1, 4, 4 * STEPS)
    with pytest.raises(InvalidInput, match="only its end"):
        refuse_another_past(before, spec_of([FIRST[0], stage(3, generations=9)]), 1, 4, 4 * STEPS)
