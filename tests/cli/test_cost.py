"""What a run costs, where the master has been told what a core-hour does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from seedcast.services.master.experiments.prices import Cost, Prices
from tests.cli.test_specs import seedcast
from tests.processes import master, submit, wait_for_end, worker
from tests.specs import cartpole_values


def test_a_run_costs_its_core_hours_on_demand_and_on_spot(tmp_path: Path) -> None:
    prices = {"SEEDCAST_PRICE_PER_CORE_HOUR": "100000", "SEEDCAST_SPOT_PRICE_PER_CORE_HOUR": "30000"}
    with worker(tmp_path) as one, master(tmp_path, [one.url], **prices) as server:
        run = submit(server, cartpole_values())
        wait_for_end(server, run)
        shown = server.http.get(f"/experiments/{run}").json()
        [listed] = server.http.get("/experiments").json()["experiments"]
        printed = seedcast("show", run, SEEDCAST_URL=server.url).stdout
    hours = shown["core_hours"]
    assert hours > 0
    assert shown["cost"] == pytest.approx({"on_demand": hours * 100_000, "spot": hours * 30_000})
    assert listed["cost"] == shown["cost"]
    demand, spot = (f"{shown['cost'][kind]:.2f}" for kind in ("on_demand", "spot"))
    assert re.search(rf"core-hours +{hours:.2f} \({demand} on demand, {spot} on Spot\)", printed)


def test_nothing_is_said_of_a_price_that_nobody_told() -> None:
    assert Prices().cost(3.0) is None
    assert Prices(on_demand=0.5).cost(3.0) == Cost(on_demand=1.5, spot=None)
