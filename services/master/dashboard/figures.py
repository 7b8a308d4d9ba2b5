"""An experiment's records as plotly figures. Pure: records in, figure out.

A new figure is one function and one line of `FIGURES`; the endpoint serves it, and the page gives it a card.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np
import plotly.graph_objects as go

from services.master.dashboard.axes import Axis, Floats, Scale, scale
from services.master.dashboard.records import Records
from services.master.dashboard.template import (
    TARGET,
    TEST,
    TRAINING,
    empty_figure,
    faint,
    new_figure,
)

NO_GENERATION = "No generation has been committed yet."
NO_STRATEGY_FIGURES = "This strategy reports no figures of its own."

MANY_TESTS = 60
"""From here on tests are a line with a band: so many error bars would hide everything else."""

LOG_RATIO = 20.0
"""Positive figures that span more than this are drawn on a log axis."""


def return_figure(records: Records, axis: Axis) -> go.Figure:
    """Draw training returns (mean, ±1 sd, range) and test returns (mean ±1 sd) over ``axis``."""
    if not records.generations and not records.tests:
        return empty_figure(NO_GENERATION)
    x_scale = _scale(records, axis)
    figure = _figure(x_scale, "Return per episode")
    _add_training_returns(figure, records, x_scale)
    _add_test_returns(figure, records, x_scale)
    if records.target is not None:
        figure.add_hline(
            y=records.target,
            line={"color": TARGET, "width": 1.5, "dash": "dash"},
            annotation={"text": f"target {records.target:g}", "font": {"color": TARGET}},
            annotation_position="top left",
        )
    return figure


def length_figure(records: Records, axis: Axis) -> go.Figure:
    """Draw the mean episode length in training and in tests, and the training episodes' cap."""
    if not records.generations:
        return empty_figure(NO_GENERATION)
    x_scale = _scale(records, axis)
    figure = _figure(x_scale, "Steps per episode")
    x = x_scale.place(records.generations)
    lengths = [record.mean_length for record in records.generations]
    figure.add_scatter(x=x, y=_floats(lengths), name="training", line={"color": TRAINING, "width": 2})
    caps = [record.episode_cap for record in records.generations]
    if any(cap is not None for cap in caps):
        line = {"color": TARGET, "width": 1.5, "dash": "dot", "shape": "hv"}
        figure.add_scatter(x=x, y=_floats(caps), name="cap", line=line)
    if records.tests:
        tested = _floats([record.mean_length for record in records.tests])
        figure.add_scatter(
            x=x_scale.place(records.tests),
            y=tested,
            name="test",
            mode="lines" if len(records.tests) >= MANY_TESTS else "markers",
            line={"color": TEST, "width": 1.5},
            marker={"size": 6},
        )
    figure.update_traces(hovertemplate="%{y:,.0f}")
    return figure.update_yaxes(rangemode="tozero")


def strategy_figure(records: Records, axis: Axis) -> go.Figure:
    """Draw the strategy's own figures, a panel for each first word: sigma_min and sigma_max share one."""
    records = _with_population_sizes(records)
    keys = sorted({key for record in records.generations for key in record.strategy})
    if not keys:
        return empty_figure(NO_STRATEGY_FIGURES if records.generations else NO_GENERATION)
    x_scale = _scale(records, axis)
    figure = _figure(x_scale, "")
    panels = [list(group) for _, group in groupby(keys, key=lambda key: key.split("_")[0])]
    for row, panel in enumerate(panels):
        _add_panel(figure, records, x_scale, panel, row, len(panels))
    figure.update_layout(hoversubplots="axis")
    return figure.update_xaxes(anchor=f"y{len(panels)}")


def throughput_figure(records: Records, axis: Axis) -> go.Figure:
    """Draw environment steps per second of training, between each record and the one before it."""
    if not records.generations:
        return empty_figure(NO_GENERATION)
    x_scale = _scale(records, axis)
    totals = [(record.environment_steps, record.elapsed_seconds) for record in records.generations]
    steps, seconds = np.diff(np.array(totals, np.float64), axis=0, prepend=0.0).T
    rate = np.divide(steps, seconds, out=np.full_like(steps, np.nan), where=seconds > 0)
    figure = _figure(x_scale, "Environment steps / s")
    figure.add_scatter(
        x=x_scale.place(records.generations),
        y=rate.astype(np.float32),
        name="steps / s",
        line={"color": TRAINING, "width": 1.5},
        fill="tozeroy",
        fillcolor=faint(TRAINING, 0.12),
        hovertemplate="%{y:,.0f}",
    )
    return figure.update_yaxes(rangemode="tozero")


FIGURES: dict[str, Callable[[Records, Axis], go.Figure]] = {
    "returns": return_figure,
    "episode_lengths": length_figure,
    "throughput": throughput_figure,
    "strategy": strategy_figure,
}
"""Every figure that the dashboard knows, in the order of the page. The first is the large one."""


def _add_training_returns(figure: go.Figure, records: Records, x_scale: Scale) -> None:
    if not records.generations:
        return
    x = x_scale.place(records.generations)
    returns = [record.returns for record in records.generations]
    mean, std = _floats([r.mean for r in returns]), _floats([r.std for r in returns])
    low, high = _floats([r.minimum for r in returns]), _floats([r.maximum for r in returns])
    _add_band(figure, x, low, high, "training range", TRAINING, 0.1)
    _add_band(
        figure, x, np.maximum(mean - std, low), np.minimum(mean + std, high), "training ±1 sd", TRAINING, 0.2
    )
    figure.add_scatter(
        x=x,
        y=mean,
        name="training mean",
        line={"color": TRAINING, "width": 2},
        customdata=np.column_stack([std, low, high]),
        hovertemplate="%{y:.2f} ± %{customdata[0]:.2f}, %{customdata[1]:.2f} to %{customdata[2]:.2f}",
    )


def _add_test_returns(figure: go.Figure, records: Records, x_scale: Scale) -> None:
    if not records.tests:
        return
    x = x_scale.place(records.tests)
    mean = _floats([record.returns.mean for record in records.tests])
    std = _floats([record.returns.std for record in records.tests])
    many = len(records.tests) >= MANY_TESTS
    if many:
        _add_band(figure, x, mean - std, mean + std, "test ±1 sd", TEST, 0.22)
    figure.add_scatter(
        x=x,
        y=mean,
        error_y={"array": std, "thickness": 1.5, "width": 3, "color": faint(TEST, 0.7), "visible": not many},
        name="test mean" if many else "test mean ±1 sd",
        mode="lines" if many else "lines+markers",
        line={"color": TEST, "width": 1.5},
        marker={"size": 6},
        customdata=np.column_stack([std, _floats([record.episodes for record in records.tests])]),
        hovertemplate="%{y:.2f} ± %{customdata[0]:.2f}, %{customdata[1]:.0f} episodes",
    )


def _with_population_sizes(records: Records) -> Records:
    """Count the population among the strategy's figures where it changes."""
    if len({record.population_size for record in records.generations} - {None}) < 2:
        return records
    generations = [
        record.model_copy(update={"strategy": record.strategy | {"population_size": record.population_size}})
        for record in records.generations
        if record.population_size is not None
    ]
    return replace(records, generations=generations)


def _add_panel(figure: go.Figure, records: Records, x_scale: Scale, keys: list[str], row: int, rows: int) -> None:
    """Draw some of the strategy's figures in panel ``row`` of ``rows``, counted from the top."""
    x = x_scale.place(records.generations)
    values = [_floats([record.strategy.get(key) for record in records.generations]) for key in keys]
    for key, y in zip(keys, values, strict=True):
        name = key.replace("_", " ")
        figure.add_scatter(x=x, y=y, name=name, yaxis=f"y{row + 1}", hovertemplate="%{y:.4~g}")
    gap = 0.0 if rows == 1 else 0.08
    y_axis = {
        "domain": [(rows - row - 1 + gap) / rows, (rows - row - gap) / rows],
        "type": "log" if _wide(np.concatenate(values)) else "linear",
        "tickformat": ".3~g",
        "nticks": max(3, 10 // rows),
    }
    figure.update_layout({f"yaxis{row + 1}": y_axis})


def _add_band(
    figure: go.Figure, x: Floats, low: Floats, high: Floats, name: str, colour: str, opacity: float
) -> None:
    edge = {"width": 0, "color": colour}
    shared = {"mode": "lines", "line": edge, "hoverinfo": "skip", "legendgroup": name}
    figure.add_scatter(x=x, y=high, showlegend=False, **shared)
    figure.add_scatter(x=x, y=low, name=name, fill="tonexty", fillcolor=faint(colour, opacity), **shared)


def _figure(x_scale: Scale, y_title: str) -> go.Figure:
    return new_figure(x_scale.title, y_title, x_scale.title, x_scale.tick_format)


def _scale(records: Records, axis: Axis) -> Scale:
    return scale(axis, [*records.generations[-1:], *records.tests[-1:]])


def _floats(values: Sequence[float | None]) -> Floats:
    return np.array(values, np.float32)


def _wide(values: Floats) -> bool:
    finite = values[np.isfinite(values)]
    return bool(finite.size and finite.min() > 0 and finite.max() / finite.min() > LOG_RATIO)
