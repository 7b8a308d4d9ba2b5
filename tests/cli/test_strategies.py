"""`seedcast strategies`, as a user runs it: without a server."""

from __future__ import annotations

import json

from typer.testing import CliRunner

from seedcast.cli.main import app
from seedcast.services.master.catalogue import catalogue
from seedcast.shared.spec.strategies import STRATEGIES
from tests.cli.test_specs import seedcast


def test_every_strategy_is_listed_with_when_to_choose_it_and_fits_eighty_columns() -> None:
    done = seedcast("strategies")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines if line[:1].isalpha()][1 : 1 + len(STRATEGIES)] == list(STRATEGIES)
    assert max(map(len, lines)) <= 80
    assert "(" in next(
        line for line in lines if line.startswith("cma_es")
    )  # refused where the matrix is too large
    assert "(" not in next(line for line in lines if line.startswith("pgpe"))


def test_one_strategy_is_shown_with_its_hyperparameters_and_their_defaults() -> None:
    text = " ".join(seedcast("strategies", "pgpe").stdout.split())
    assert "https://arxiv.org/abs/2008.02387" in text
    assert "sigma_learning_rate = 0.1 number ≥ 0, ≤ 10 Multiplies the gradient of σ" in text
    assert "clipup (step_size 0.15, max_speed 0.3, momentum 0.9)" in text
    assert "name =" not in text


def test_every_strategy_can_be_shown() -> None:
    for name in STRATEGIES:
        done = CliRunner().invoke(app, ["strategies", name])
        assert (done.exit_code, done.stderr) == (0, "")
        assert done.stdout.startswith(name)


def test_json_is_what_the_api_answers() -> None:
    assert json.loads(seedcast("strategies", "--json").stdout) == json.loads(
        catalogue.strategies().model_dump_json()
    )
    one = json.loads(seedcast("strategies", "snes", "--json").stdout)
    assert one == json.loads(catalogue.strategy("snes").model_dump_json())


def test_an_unknown_strategy_is_refused_in_one_line() -> None:
    done = seedcast("strategies", "adam")
    assert done.returncode == 2
    assert done.stderr.startswith("seedcast: there is no strategy 'adam', there are ")
    assert len(done.stderr.splitlines()) == 1
