"""The figures, from plain records."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from services.master.dashboard.axes import Axis
from services.master.dashboard.figures import (
    FIGURES,
    MANY_TESTS,
    NO_GENERATION,
    length_figure,
    return_figure,
    strategy_figure,
    throughput_figure,
)
from services.master.dashboard.records import Records
from services.master.storage.pages import MOST_POINTS
from tests.master.records import evaluated, generation

RECORDS = Records([generation(n) for n in range(1, 11)], [evaluated(5), evaluated(10)], target=12.5)


def trace(figure: Any, name: str) -> Any:
    return next(trace for trace in figure.data if trace.name == name)


def texts(figure: Any) -> list[str]:
    return [annotation.text for annotation in figure.layout.annotations]


@pytest.mark.parametrize("axis", Axis)
@pytest.mark.parametrize("name", FIGURES)
def test_a_trace_has_no_more_points_than_records(name: str, axis: Axis) -> None:
    records = Records([generation(n, sigma=1 / n) for n in range(1, 2001)], [evaluated(n) for n in range(1, 2001)])
    figure = FIGURES[name](records, axis)
    assert len(figure.data) > 0
    assert all(len(trace.x) == len(trace.y) <= MOST_POINTS for trace in figure.data)


@pytest.mark.parametrize("axis", Axis)
@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_of_an_empty_history_says_that_it_is_empty(name: str, axis: Axis) -> None:
    figure = FIGURES[name](Records([]), axis)
    assert texts(figure) == [NO_GENERATION]
    assert len(figure.data) == 0


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_valid_json_on_a_transparent_ground(name: str) -> None:
    layout = json.loads(FIGURES[name](RECORDS, Axis.TIME).to_json())["layout"]["template"]["layout"]
    assert layout["paper_bgcolor"] == layout["plot_bgcolor"] == "rgba(0, 0, 0, 0)"


def test_the_population_is_drawn_where_it_changes_and_only_there() -> None:
    constant = [generation(n, sigma=1.0).model_copy(update={"population_size": 16}) for n in range(1, 4)]
    changing = [record.model_copy(update={"population_size": 16 + record.generation}) for record in constant]
    names = [trace.name for trace in strategy_figure(Records(constant), Axis.ITERATION).data]
    assert names == ["sigma"]
    figure = strategy_figure(Records(changing), Axis.ITERATION)
    assert trace(figure, "population size").y.tolist() == [17, 18, 19]


def test_training_and_test_returns_stand_where_the_records_say() -> None:
    figure = return_figure(RECORDS, Axis.ITERATION)
    training, test = trace(figure, "training mean"), trace(figure, "test mean ±1 sd")
    assert list(training.x) == list(training.y) == list(range(1, 11))
    assert list(test.x) == [5, 10]
    assert list(test.y) == [10, 15]
    assert list(test.error_y.array) == [5, 5]


def test_the_band_spans_minimum_to_maximum() -> None:
    high, low = return_figure(RECORDS, Axis.ITERATION).data[:2]
    assert list(low.y) == [n - 10 for n in range(1, 11)]
    assert list(high.y) == [n + 10 for n in range(1, 11)]
    assert low.fill == "tonexty"


def test_the_target_is_drawn_where_there_is_one() -> None:
    assert texts(return_figure(RECORDS, Axis.ITERATION)) == ["target 12.5"]
    assert texts(return_figure(Records(RECORDS.generations), Axis.ITERATION)) == []


def test_many_tests_are_drawn_without_error_bars() -> None:
    few = Records(RECORDS.generations, [evaluated(n) for n in range(1, MANY_TESTS)])
    many = Records(RECORDS.generations, [evaluated(n) for n in range(1, MANY_TESTS + 1)])
    assert trace(return_figure(few, Axis.ITERATION), "test mean ±1 sd").error_y.visible
    assert not trace(return_figure(many, Axis.ITERATION), "test mean").error_y.visible


@pytest.mark.parametrize(
    ("seconds", "title", "last"),
    [
        (2.0, "Training time (seconds)", 20.0),
        (60.0, "Training time (minutes)", 10.0),
        (3600.0, "Training time (hours)", 10.0),
    ],
)
def test_the_time_axis_takes_the_unit_that_fits(seconds: float, title: str, last: float) -> None:
    figure = return_figure(Records([generation(n, seconds) for n in range(1, 11)]), Axis.TIME)
    assert figure.layout.xaxis.title.text == title
    assert trace(figure, "training mean").x[-1] == last


def test_zoom_is_kept_on_an_axis_and_forgotten_on_another() -> None:
    first, later = return_figure(RECORDS, Axis.TIME), return_figure(Records(RECORDS.generations), Axis.TIME)
    assert first.layout.uirevision == later.layout.uirevision
    assert first.layout.uirevision != return_figure(RECORDS, Axis.ITERATION).layout.uirevision


def test_the_cap_is_drawn_only_where_episodes_are_capped() -> None:
    capped = [record.model_copy(update={"episode_cap": 400}) for record in RECORDS.generations]
    assert {line.name for line in length_figure(RECORDS, Axis.ITERATION).data} == {"training", "test"}
    assert set(trace(length_figure(Records(capped), Axis.ITERATION), "cap").y) == {400}


def test_throughput_is_steps_over_time_also_across_thinned_generations() -> None:
    figure = throughput_figure(Records(RECORDS.generations[::3], RECORDS.tests), Axis.ENVIRONMENT_STEPS)
    assert list(figure.data[0].y) == [500.0] * len(figure.data[0].x)


def test_throughput_without_time_is_a_gap() -> None:
    assert np.isnan(throughput_figure(Records([generation(1, seconds=0.0)]), Axis.ITERATION).data[0].y).all()


def test_the_strategy_s_figures_share_a_panel_by_their_first_word() -> None:
    records = Records([generation(n, sigma_min=1.0, sigma_max=2.0, speed=-0.1) for n in (1, 2)])
    axes = {line.name: line.yaxis for line in strategy_figure(records, Axis.ITERATION).data}
    assert axes["sigma min"] == axes["sigma max"] != axes["speed"]


def test_a_wide_panel_is_logarithmic_unless_it_has_values_that_are_not_positive() -> None:
    def kind(*values: float) -> str:
        records = Records([generation(n, sigma=value) for n, value in enumerate(values, start=1)])
        return str(strategy_figure(records, Axis.ITERATION).layout.yaxis.type)

    assert kind(1.0, 0.001) == "log"
    assert kind(1.0, 0.5) == "linear"
    assert kind(1.0, 0.001, 0.0) == "linear"


def test_a_figure_that_the_strategy_did_not_report_in_a_generation_is_a_gap() -> None:
    records = Records([generation(1), generation(2, sigma=0.5)])
    sigma = trace(strategy_figure(records, Axis.ITERATION), "sigma")
    assert np.isnan(sigma.y[0])
    assert sigma.y[1] == 0.5
