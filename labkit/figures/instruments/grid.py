"""Several small plots in one figure, in as many columns as a page has room for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
from plotly.basedatatypes import BaseTraceType

from labkit.figures.style import SMALL, TEXT, axis, axis_suffix, legend, on

__all__ = ["Plot", "Rows", "axis_suffix", "grid_figure", "on"]

ROW_HEIGHT = 168
"""Pixels of a row of plots, labels included."""

TOP, BOTTOM = 30, 44
"""Pixels of the margins above, with the legend, and below."""

GAP_ABOVE = 46
"""Pixels between two rows, for the labels of an axis."""

TITLE = 20
"""Pixels of a line above a plot."""

SIDE = 56
"""Pixels to the left of each plot, for the labels of its axis."""


@dataclass(frozen=True, slots=True)
class Plot:
    """One plot of a grid.

    Attributes:
        x: Properties of its x axis.
        y: Properties of its y axis.
    """

    x: Mapping[str, Any]
    y: Mapping[str, Any]


Rows = Sequence[Sequence[int]]
"""Numbers of the plots in each row, from the left; one that comes twice is twice as wide."""


def grid_figure(
    plots: Sequence[Plot],
    traces: Sequence[BaseTraceType],
    layouts: Mapping[int, Rows],
    *,
    row_height: int = ROW_HEIGHT,
    titled: bool = False,
    right: int = 12,
) -> go.Figure:
    """A figure with a grid of plots.

    Args:
        plots: Each on axes of its own: those of plot 0 are "x" and "y", of plot 1 "x2" and "y2".
        traces: On these axes.
        layouts: Least width in pixels → the rows for it. The figure has those of the widest;
            `meta.layouts` has all, for a page that knows its width.
        row_height: Pixels of a row of plots, labels included.
        titled: Leave room for a line above each plot.
        right: Pixels to the right of all plots.
    """
    figure = go.Figure(list(traces))
    above = TITLE if titled else 0
    arranged = [
        _arranged(rows, width, row_height, above) for width, rows in sorted(layouts.items())
    ]
    figure.update_layout(
        template="none",
        autosize=True,
        margin={"l": SIDE, "r": right, "t": TOP + above, "b": BOTTOM, "autoexpand": False},
        font={"family": "system-ui, 'DejaVu Sans', sans-serif", "size": 12, "color": TEXT},
        hovermode="closest",
        uirevision="lab",  # keep the zoom across updates
        legend=legend(x=0, y=1, yref="container", yanchor="top"),
        meta={"layouts": arranged},
        height=arranged[-1]["height"],
    )
    for number, plot in enumerate(plots):
        suffix = axis_suffix(number)
        for kind, other, properties in (("x", "y", plot.x), ("y", "x", plot.y)):
            name = f"{kind}axis{suffix}"
            label = {"font": {"size": SMALL}, "text": properties["title"], "standoff": 4}
            own = {key: value for key, value in properties.items() if key != "title"}
            figure.layout[name] = {
                **axis("", **own),
                "title": label,
                "tickfont": {"size": SMALL},
                "anchor": f"{other}{suffix}",
                "domain": arranged[-1]["domains"][name],
            }
    return figure


def _arranged(rows: Rows, width: int, row_height: int, above: int) -> dict[str, Any]:
    """Height of a figure and the domains of its axes, for pages of at least a width."""
    gap_above = GAP_ABOVE + above
    inner = len(rows) * row_height - gap_above
    columns = len(rows[0])
    gap = SIDE / max(width - SIDE, 300)
    wide = (1 - gap * (columns - 1)) / columns
    domains: dict[str, list[float]] = {}
    for row, numbers in enumerate(rows):
        top = 1 - row * row_height / inner
        bottom = max(top - (row_height - gap_above) / inner, 0.0)
        for number in dict.fromkeys(numbers):
            places = [column for column, other in enumerate(numbers) if other == number]
            left, right = places[0] * (wide + gap), places[-1] * (wide + gap) + wide
            suffix = axis_suffix(number)
            domains[f"xaxis{suffix}"] = [left, min(right, 1.0)]
            domains[f"yaxis{suffix}"] = [bottom, top]
    return {"width": width, "height": inner + TOP + above + BOTTOM, "domains": domains}
