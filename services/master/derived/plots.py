"""An experiment's records as PNG files: reward_vs_time.png and reward_vs_iteration.png.

Matplotlib's object interface only: pyplot keeps figures in a global registry, which threads must not share.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from seedcast.services.master.storage.records import GenerationRecord, TestRecord

SIZE_INCHES = (9.0, 5.0)
DOTS_PER_INCH = 120

MANY_TESTS = 60
"""From here on tests are a line with a band: so many error bars would hide everything else."""

TRAINING = "#2563eb"
TEST = "#d97706"


def plot_rewards(
    generations: Sequence[GenerationRecord],
    tests: Sequence[TestRecord],
    axis: Literal["iteration", "time"],
    title: str,
) -> bytes:
    """Return a PNG of the training and test returns over generations or training time."""
    figure = Figure(figsize=SIZE_INCHES, dpi=DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    label, unit = ("Generation", 1.0) if axis == "iteration" else _time_unit(generations, tests)
    axes.set_xlabel(label)
    axes.set_ylabel("Return per episode")
    axes.set_title(title, parse_math=False)
    _draw_training(axes, generations, axis, unit)
    _draw_tests(axes, tests, axis, unit)
    _finish(axes)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _draw_training(
    axes: Axes, generations: Sequence[GenerationRecord], axis: Literal["iteration", "time"], unit: float
) -> None:
    if not generations:
        return
    x = _place(generations, axis, unit)
    returns = [record.returns for record in generations]
    mean, std = np.array([r.mean for r in returns]), np.array([r.std for r in returns])
    low, high = np.array([r.minimum for r in returns]), np.array([r.maximum for r in returns])
    axes.fill_between(x, low, high, color=TRAINING, alpha=0.08, linewidth=0, label="training range")
    axes.fill_between(
        x,
        np.maximum(mean - std, low),
        np.minimum(mean + std, high),
        color=TRAINING,
        alpha=0.2,
        linewidth=0,
        label="training ±1 sd",
    )
    axes.plot(x, mean, color=TRAINING, linewidth=1.8, label="training mean")


def _draw_tests(axes: Axes, tests: Sequence[TestRecord], axis: Literal["iteration", "time"], unit: float) -> None:
    if not tests:
        return
    x = _place(tests, axis, unit)
    mean = np.array([record.returns.mean for record in tests])
    std = np.array([record.returns.std for record in tests])
    if len(tests) < MANY_TESTS:
        axes.errorbar(
            x,
            mean,
            yerr=std,
            color=TEST,
            marker="o",
            markersize=4,
            linewidth=1.4,
            elinewidth=0.8,
            capsize=2,
            label="test mean ±1 sd",
        )
        return
    axes.fill_between(x, mean - std, mean + std, color=TEST, alpha=0.25, linewidth=0, label="test ±1 sd")
    axes.plot(x, mean, color=TEST, linewidth=1.4, label="test mean")


def _finish(axes: Axes) -> None:
    axes.grid(visible=True, alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, loc="best")
    else:
        axes.text(0.5, 0.5, "No generation has been committed yet.", transform=axes.transAxes, ha="center")


def _place(
    records: Sequence[GenerationRecord | TestRecord],
    axis: Literal["iteration", "time"],
    unit: float,
) -> NDArray[np.float64]:
    if axis == "iteration":
        return np.array([record.generation for record in records], np.float64)
    return np.array([record.elapsed_seconds for record in records], np.float64) / unit


def _time_unit(generations: Sequence[GenerationRecord], tests: Sequence[TestRecord]) -> tuple[str, float]:
    last: list[GenerationRecord | TestRecord] = [*generations[-1:], *tests[-1:]]
    longest = max((record.elapsed_seconds for record in last), default=0.0)
    if longest < 180:
        return "Training time (seconds)", 1.0
    if longest < 3 * 3600:
        return "Training time (minutes)", 60.0
    return "Training time (hours)", 3600.0
