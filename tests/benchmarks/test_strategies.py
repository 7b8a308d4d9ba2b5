"""The benchmark of the strategies runs, at dimensions that take no time."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from benchmarks.strategy_cases import CASES, Ours, measure
from seedcast.shared.spec.strategies import STRATEGIES


@pytest.mark.parametrize("name", CASES)
def test_every_case_runs_and_is_measured(name: str) -> None:
    assert CASES[name].refuse(6, 8) is None
    cost = measure(CASES[name], 6, 8, seconds=0)
    assert min(cost.ask, cost.encode, cost.tell) >= 0
    assert cost.total > 0
    assert cost.peak_bytes > 2**20


def test_every_registered_strategy_is_a_case() -> None:
    assert set(STRATEGIES) <= set(CASES)


def test_what_a_submit_would_be_refused_for_is_not_tried() -> None:
    assert str(Ours("cma_es").refuse(100_000, 256)).startswith("refused: needs ")


@pytest.mark.slow
def test_the_table_has_a_line_for_each_case_and_dimension() -> None:
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.strategies", "--quick", "--only", "pgpe,cma_es"]
    done = subprocess.run(
        [*command, "--dimensions", "6,60000", "--population", "8"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": "."},
    )
    lines = [line.split() for line in done.stdout.splitlines() if line.startswith(("pgpe", "cma_es"))]
    assert [line[0] for line in lines] == ["pgpe", "cma_es"] * 2
    assert [len(line) for line in lines[:3]] == [6, 6, 6]
    assert "refused:" in lines[3]
