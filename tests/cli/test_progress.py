"""How long `seedcast train` and `watch` say that a run takes at most."""

from __future__ import annotations

import pytest

from seedcast.cli.progress import Display
from seedcast.services.master.experiments.schemas import Experiment
from seedcast.services.master.experiments.status import Status
from seedcast.shared.spec.parse import check_spec
from tests.master.records import generation
from tests.specs import cartpole_values


@pytest.mark.parametrize(
    ("stop", "left"),
    [
        ({"generations": 100}, "0:03:00"),  # 90 of 2 s
        ({"generations": 100_000, "environment_steps": 40_000}, "0:01:00"),  # 30,000 of 500/s
        ({"generations": 100_000, "wall_time_seconds": 50}, "0:00:30"),
        ({"generations": 12, "environment_steps": 40_000, "wall_time_seconds": 50}, "0:00:04"),
        ({"generations": 10, "environment_steps": 9_000}, "0:00:00"),
    ],
)
def test_what_is_left_is_told_by_the_nearest_limit(
    stop: dict[str, int], left: str, capsys: pytest.CaptureFixture[str]
) -> None:
    experiment = Experiment.model_construct(
        spec=check_spec(cartpole_values() | {"stop": stop}),
        status=Status.RUNNING,
        direction="maximise",
        generation=10,
        environment_steps=10_000,
        elapsed_seconds=20.0,
    )
    display = Display(experiment, "")
    display.update(experiment, [generation(number) for number in range(1, 11)], [], None)
    assert f"ETA at most {left}\n" in capsys.readouterr().out
