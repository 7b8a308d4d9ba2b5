"""The plan of a real run, and what KEDA makes of it."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.deploy.autoscaling import scale_downs
from tests.deploy.test_autoscaling import keda
from tests.processes import Server, eventually, master, submit, worker
from tests.specs import cartpole_values

HOLD_SECONDS = 1.0
PACE = 120
"""A second of the run stands for so many: its barriers last seconds then, as a large run's do."""


def record(server: Server, experiment: str) -> tuple[list[tuple[float, int | None]], float]:
    """Ask for the plan until it is zero again; return the trace, and when the experiment had ended."""
    trace: list[tuple[float, int | None]] = []
    began, ended = time.monotonic(), 0.0

    def finished() -> bool:
        nonlocal ended
        now = time.monotonic() - began
        trace.append((PACE * now, server.http.get("/autoscale").json()["desired_workers"]))
        if not ended and server.http.get(f"/experiments/{experiment}").json()["status"] == "completed":
            ended = PACE * now
        return bool(ended) and trace[-1][1] == 0

    eventually(finished)
    return trace, ended


@pytest.mark.slow
def test_a_real_run_is_scaled_up_once_and_down_once_after_its_end(tmp_path: Path) -> None:
    with ExitStack() as stack:
        url = stack.enter_context(worker(tmp_path)).url
        hold = {"SEEDCAST_AUTOSCALE_HOLD_SECONDS": str(HOLD_SECONDS)}
        server = stack.enter_context(master(tmp_path, [url], **hold))
        assert server.http.get("/autoscale").json()["desired_workers"] == 0
        experiment = submit(server, cartpole_values() | {"population_size": 64, "stop": {"generations": 30}})
        trace, ended = record(server, experiment)
        generations = len(server.http.get(f"/experiments/{experiment}/history").json()["generations"])
    wanted = max(count or 0 for _, count in trace)
    assert generations == 30
    assert wanted >= 2
    replicas = keda().replicas(trace, until=trace[-1][0] + 600)
    [down] = scale_downs(replicas)
    assert down >= ended
    assert replicas[-1] == (down, 0)
    assert down <= trace[-1][0] + 300
    assert max(count for _, count in replicas) == wanted
