"""Groups of runs side by side: adaptation curves and a metric, with intervals."""

import html
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from labkit.figures.style import COLORS, axis, drawable, panel_figure, title

MOST_GROUPS = 12
SYMBOLS = ("circle", "diamond-open")
_SPREAD = 0.6
"""Of an inner step: over so much of it the groups stand side by side, where their intervals would
cover one another."""

_CURVES_HEIGHT, _ROW, _BETWEEN, _EDGES = 300, 22, 50, 130
"""Pixels: of the curves, of a group below them, between and around both."""


@dataclass(frozen=True, slots=True)
class ComparedGroup:
    """Runs of equal parameters, over their seeds.

    Attributes:
        label: What they have in common.
        curve: Mean over seeds for each number of inner steps, shape (steps + 1,).
        ci95: Half the width of its 95 % interval; nan where there is none.
        value: Mean of the metric.
        value_ci95: Half the width of its 95 % interval, or nan.
    """

    label: str
    curve: NDArray[np.float64]
    ci95: NDArray[np.float64]
    value: float
    value_ci95: float


def comparison_figure(
    groups: Sequence[ComparedGroup], *, metric: str, measure: str = "query_loss"
) -> go.Figure:
    """Curves above; below, a row for each group with the colour and symbol of its curve.

    Args:
        groups: 1 … `MOST_GROUPS`, the first on top.
        metric: Name of their values.
        measure: Name of what the curves show.

    Raises:
        ValueError: There are none, or too many.
    """
    if not 1 <= len(groups) <= MOST_GROUPS:
        raise ValueError(
            f"a comparison draws 1 to {MOST_GROUPS} groups, got {len(groups)}: choose some of the "
            "runs, or compare by fewer parameters"
        )
    labels = [html.escape(group.label, quote=False) for group in groups]
    words = metric.replace("_", " ")
    below = _ROW * (len(groups) + 1)
    share = below / (_CURVES_HEIGHT + below + _BETWEEN)
    low, top = _range(groups, loss=measure == "query_loss")
    figure = panel_figure(
        [
            trace
            for i, (group, name) in enumerate(zip(groups, labels, strict=True))
            for trace in _traces(i, len(groups), group, name, top)
        ],
        title("Comparison", f"{words}, mean and 95 % interval"),
        height=_CURVES_HEIGHT + below + _EDGES,
        showlegend=False,
        hovermode="closest",
        xaxis=axis("inner steps", dtick=1),
        yaxis=axis(
            measure.replace("_", " "),
            range=[low, top],
            domain=[1 - _CURVES_HEIGHT * share / below, 1],
        ),
        xaxis2=axis(words, anchor="y2"),
        yaxis2=axis(
            "",
            anchor="x2",
            domain=[0, share],
            range=[len(groups) - 0.4, -0.6],
            tickvals=list(range(len(groups))),
            ticktext=labels,
            automargin=True,
        ),
    )
    figure.update_layout(margin={"l": 24 + 7 * max(map(len, labels)), "autoexpand": False})
    return figure


def _traces(row: int, rows: int, group: ComparedGroup, name: str, top: float) -> list[go.Scatter]:
    """Curve with intervals above, value below."""
    color, symbol = COLORS[row % len(COLORS)], SYMBOLS[row // len(COLORS)]
    mean, ci95 = drawable(group.curve, top), np.nan_to_num(drawable(group.ci95, top))
    x = np.arange(len(mean)) + _SPREAD * ((row + 0.5) / rows - 0.5)
    marker = {"color": color, "symbol": symbol, "size": 7}
    return [
        go.Scatter(
            name=name,
            x=x,
            y=mean,
            mode="lines+markers",
            line={"color": color, "width": 1.5, "dash": ("solid", "dash")[row // len(COLORS)]},
            marker=marker,
            error_y={
                "type": "data",
                "array": ci95,
                "arrayminus": np.minimum(ci95, np.abs(mean)),
                "color": color,
                "thickness": 1.5,
                "width": 2,
            },
            hovertemplate="%{y:.4g}",
        ),
        go.Scatter(
            name=name,
            x=[group.value] if np.isfinite(group.value) else [None],
            y=[row],
            xaxis="x2",
            yaxis="y2",
            mode="markers",
            marker={**marker, "size": 9},
            error_x={
                "type": "data",
                "array": [group.value_ci95 if np.isfinite(group.value_ci95) else 0.0],
                "color": color,
            },
            hovertemplate="%{x:.4g}",
        ),
    ]


def _range(groups: Sequence[ComparedGroup], *, loss: bool) -> tuple[float, float]:
    """Of the axis: a loss is shown up to its first points, where nothing has diverged yet."""
    means = np.concatenate([group.curve for group in groups])
    halves = np.nan_to_num(np.concatenate([group.ci95 for group in groups]))
    finite = np.isfinite(means)
    first = np.concatenate([np.arange(len(group.curve)) == 0 for group in groups])
    highs, lows = (means + halves)[finite & (first | (not loss))], (means - halves)[finite]
    top = 1.1 * float(highs.max()) if len(highs) and highs.max() > 0 else 1.0
    bottom = 0.95 * max(float(lows.min()), 0.0) if len(lows) else 0.0
    return (bottom if bottom < top else 0.0), top
