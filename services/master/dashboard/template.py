"""One look for all figures: transparent, quiet, readable on a light page and on a dark one."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

TRAINING = "#3b82f6"
TEST = "#f59e0b"
TARGET = "#10b981"
COLOURS = (TRAINING, TEST, TARGET, "#a855f7", "#ef4444", "#14b8a6", "#ec4899", "#84cc16")

INK = "#7d8899"
"""Between black and white: it reads on both. The page replaces it with its own text colour."""

GRID = "rgba(125, 136, 153, 0.18)"

_AXIS: dict[str, Any] = {
    "gridcolor": GRID,
    "linecolor": GRID,
    "zeroline": False,
    "ticks": "",
    "automargin": True,
    "exponentformat": "B",
    "title": {"standoff": 8},
}

TEMPLATE = go.layout.Template(
    layout={
        "paper_bgcolor": "rgba(0, 0, 0, 0)",
        "plot_bgcolor": "rgba(0, 0, 0, 0)",
        "font": {
            "family": "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif",
            "size": 12,
            "color": INK,
        },
        "colorway": COLOURS,
        "margin": {"l": 8, "r": 12, "t": 32, "b": 8},
        "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "xanchor": "left"},
        "hovermode": "x unified",
        "modebar": {"bgcolor": "rgba(0, 0, 0, 0)", "color": INK, "activecolor": TRAINING},
        "hoverlabel": {"bgcolor": "#111827", "bordercolor": "#111827", "font": {"color": "#f9fafb"}},
        "xaxis": _AXIS,
        "yaxis": _AXIS,
    }
)


def new_figure(x_title: str, y_title: str, revision: str, tick_format: str | None = None) -> go.Figure:
    """Start a figure. The same ``revision`` at its next refresh keeps the reader's zoom."""
    figure = go.Figure()
    figure.update_layout(template=TEMPLATE, uirevision=revision)
    figure.update_xaxes(title_text=x_title, tickformat=tick_format)
    figure.update_yaxes(title_text=y_title)
    return figure


def empty_figure(message: str) -> go.Figure:
    """Return a figure without data that says why."""
    figure = go.Figure()
    figure.update_layout(template=TEMPLATE, uirevision="empty")
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    figure.add_annotation(text=message, x=0.5, y=0.5, xref="paper", yref="paper", showarrow=False)
    return figure


def faint(colour: str, opacity: float) -> str:
    """Return ``#rrggbb`` as a translucent colour."""
    red, green, blue = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {opacity})"
