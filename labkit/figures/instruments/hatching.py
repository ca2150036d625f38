"""Hatched cells of a grid: what diverges there cannot be coloured."""

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from labkit.figures.instruments.grid import on
from labkit.figures.instruments.values import Floats
from labkit.figures.style import BEFORE


def hatching(
    x: Floats, y: Floats, cells: NDArray[np.bool_], number: int, *, legend: bool = False
) -> go.Scatter:
    """A diagonal through each of some cells of a grid.

    Args:
        x: Middles of the cells, evenly spaced, (columns,), ≥ 2.
        y: The same, (rows,).
        cells: Which of them, (rows, columns).
        number: Of the plot in its figure.
        legend: Whether the legend names it, where there are such cells.

    Example:
        >>> lines = hatching(np.arange(2.0), np.arange(2.0), np.array([[0, 0], [0, 1]]) > 0, 0)
        >>> lines.x, lines.y
        (array([0.5, 1.5, nan]), array([0.5, 1.5, nan]))
    """
    width, height = (float(axis[1] - axis[0]) / 2 for axis in (x, y))
    rows, columns = np.nonzero(cells)
    left, bottom, gap = x[columns], y[rows], np.full(len(rows), np.nan)
    return go.Scatter(
        name="diverges",
        x=np.stack([left - width, left + width, gap], 1).ravel(),
        y=np.stack([bottom - height, bottom + height, gap], 1).ravel(),
        mode="lines",
        line={"color": BEFORE, "width": 1},
        hoverinfo="skip",
        showlegend=legend and bool(len(rows)),
        **on(number),
    )
