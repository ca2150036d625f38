"""A heat map of losses, and next to it the curve of one cell: what both of the maps draw."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from labkit.figures.instruments.grid import on
from labkit.figures.style import AFTER, SMALL, TEXT, drawable, translucent

Floats = NDArray[np.float64]

Part = dict[str, list[Any]]
"""What the page shows of the cell under the pointer: property of a trace → its value, by cell."""

FAR = 100.0
"""Bands end at so many times the end of the axis."""

LOWEST, MIDDLE, HIGHEST = "#fff3a3", "#9fc9ae", "#5b93c7"
"""Colours of losses, told apart by their brightness: black numbers stand out from each."""

MOST_NUMBERS = 10
"""Columns up to which cells have room for their number."""

PICK = "cell"
"""What a click on a cell is called in the page's message."""


def heat_map(
    losses: Floats, top: float, titles: Sequence[str], texts: Sequence[str], number: int
) -> list[Any]:
    """Coloured cells by the logarithm of their loss, hatched ones where it is infinite.

    Args:
        losses: (rows, columns); nan for cells without a number yet, inf for diverged ones.
        top: The loss from which on all have the same colour.
        titles: What sets a cell apart, row by row.
        texts: What else its label says.
        number: Of the plot.
    """
    finite = np.isfinite(losses)
    clipped = np.where(finite, np.clip(losses, 1e-12, top), np.nan)
    rows, columns = losses.shape
    low = float(np.nanmin(clipped)) if finite.any() else top
    labels = [f"{title}<br>{text}" for title, text in zip(titles, texts, strict=True)]
    words = np.array([f"{loss:.3g}" if np.isfinite(loss) else "" for loss in losses.flat])
    hatched = [(row, column) for row, column in np.argwhere(np.isposinf(losses)).tolist()]
    outlines = [_square(row, column) for row, column in hatched]
    return [
        go.Heatmap(
            name="cells",
            x=np.arange(columns),
            y=np.arange(rows),
            z=np.log10(clipped),
            zmin=np.log10(low),
            zmax=np.log10(max(top, low * 1.01)),
            colorscale=[[0, LOWEST], [0.5, MIDDLE], [1, HIGHEST]],
            showscale=False,
            xgap=1,
            ygap=1,
            text=words.reshape(rows, columns),
            texttemplate="%{text}" if columns <= MOST_NUMBERS else "",
            textfont={"size": SMALL, "color": "#000000"},
            customdata=np.array(labels).reshape(rows, columns),
            hovertemplate="%{customdata}<extra></extra>",
            hoverongaps=True,
            meta={"pick": PICK},
            **on(number),
        ),
        go.Scatter(
            name="diverged",
            x=[x for square in outlines for x in (*square[0], None)],
            y=[y for square in outlines for y in (*square[1], None)],
            mode="lines",
            line={"color": TEXT, "width": 1},
            fill="toself",
            fillpattern={"shape": "/", "size": 7, "fgcolor": TEXT, "solidity": 0.25},
            fillcolor="rgba(0,0,0,0)",
            hoverinfo="skip",
            showlegend=bool(hatched),
            **on(number),
        ),
        go.Scatter(
            name="shown",
            x=[],
            y=[],
            mode="lines",
            line={"color": AFTER, "width": 3},
            hoverinfo="skip",
            showlegend=False,
            cliponaxis=False,
            meta={"cell": "outline"},
            **on(number),
        ),
        *(_entry(name, color, number) for name, color in (
            (f"{low:.3g}, lowest", LOWEST),
            (f"{top:.3g} or more", HIGHEST),
        ) if finite.any()),
    ]  # fmt: skip


def star(row: int, column: int, number: int) -> go.Scatter:
    """The mark of the best cell."""
    return go.Scatter(
        name="best",
        x=[column + 0.32],
        y=[row + 0.3],
        mode="markers",
        marker={
            "symbol": "star",
            "size": 11,
            "color": "#ffffff",
            "line": {"color": "#000000", "width": 1},
        },
        hoverinfo="skip",
        **on(number),
    )


def cell_outlines(rows: int, columns: int) -> Part:
    """The outline of each cell, row by row."""
    squares = [_square(row, column) for row in range(rows) for column in range(columns)]
    return {"x": [x for x, _ in squares], "y": [y for _, y in squares]}


def curve_traces(number: int) -> list[go.Scatter]:
    """The curve of the cell that is shown, and its interval; `curves` has those of all cells."""
    return [
        go.Scatter(
            name="95 % interval over the seeds",
            x=[],
            y=[],
            mode="lines",
            line={"width": 0},
            fill="toself",
            fillcolor=translucent(AFTER, 0.2),
            hoverinfo="skip",
            showlegend=False,
            meta={"cell": "interval"},
            **on(number),
        ),
        go.Scatter(
            name="",
            x=[],
            y=[],
            mode="lines+markers",
            line={"color": AFTER, "width": 2},
            marker={"size": 5},
            hovertemplate="%{x} steps: %{y:.3g}<extra></extra>",
            showlegend=False,
            meta={"cell": "mean"},
            **on(number),
        ),
    ]


def curve_limits(losses: Floats, top: float) -> tuple[float, float]:
    """The ends of the axis of the curves: what lies far beyond the cells' losses is cut.

    Args:
        losses: Of the cells.
        top: As for `heat_map`.

    Example:
        >>> curve_limits(np.array([[0.3, np.inf], [np.nan, 0.6]]), 3.0)
        (0.01, 30.0)
    """
    finite = losses[np.isfinite(losses)]
    low = max(float(finite.min()), 1e-12) if len(finite) else top
    return low / 30, 10 * top


def curve_parts(
    means: Sequence[Floats], halves: Sequence[Floats], limits: tuple[float, float]
) -> dict[str, Part]:
    """The curve of each cell, and its interval, cut near the ends of an axis.

    Args:
        means: Of each cell, (steps + 1,).
        halves: Half of its interval, nan without one.
        limits: Of the axis.
    """
    low, high = limits
    mean: Part = {"x": [], "y": []}
    interval: Part = {"x": [], "y": []}
    for values, half in zip(means, halves, strict=True):
        x = np.arange(len(values), dtype=np.float64)
        mean["x"].append(x.tolist())
        mean["y"].append(drawable(values, high).tolist())
        ok = np.isfinite(values) & np.isfinite(half)
        upper = np.minimum(values + half, FAR * high)[ok]
        lower = np.maximum(values - half, low / FAR)[ok]
        interval["x"].append([*x[ok], *x[ok][::-1]])
        interval["y"].append([*upper, *lower[::-1]])
    return {"mean": mean, "interval": interval}


def put_cells(
    figure: go.Figure, parts: Mapping[str, Part], titles: Sequence[str], columns: int, number: int
) -> None:
    """Give a page what it shows of the cell under the pointer, with its title above a plot.

    Args:
        figure: Its traces name their part in `meta.cell`.
        parts: Name of a part → its properties, for each cell; or for each row, if the cells of a
            row show the same.
        titles: Of the cells, row by row.
        columns: Of the cells.
        number: Of the plot with the curve.
    """
    cells = {"columns": columns, "titles": list(titles), "parts": dict(parts)}
    figure.layout.meta = {**figure.layout.meta, "cells": cells}
    axes = on(number)
    figure.add_annotation(
        text="",
        xref=f"{axes['xaxis']} domain",
        yref=f"{axes['yaxis']} domain",
        x=0,
        y=1,
        xanchor="left",
        yanchor="bottom",
        showarrow=False,
        font={"size": SMALL, "color": TEXT},
    )


def put_cell(figure: go.Figure, index: int) -> None:
    """Show one cell in a figure, as the page does for the cell under the pointer.

    Args:
        figure: After `put_cells`.
        index: Of the cell, row by row.
    """
    cells = figure.layout.meta["cells"]
    for trace in figure.data:
        part = (trace.meta or {}).get("cell")
        for name, values in cells["parts"].get(part, {}).items():
            trace[name] = values[index * len(values) // len(cells["titles"])]
    figure.layout.annotations[0].text = cells["titles"][index]
    figure.layout.meta = {**figure.layout.meta, "cell": index}


MOST_WORDS = 16


def cell_axis(title: str, words: Sequence[str]) -> dict[str, Any]:
    """Properties of an axis of cells; of many, not each is named."""
    every = -(-len(words) // MOST_WORDS)
    return {
        "title": title,
        "tickvals": list(range(0, len(words), every)),
        "ticktext": list(words[::every]),
        "range": [-0.5, len(words) - 0.5],
        "fixedrange": True,
        "showgrid": False,
    }


def _square(row: int, column: int) -> tuple[list[float], list[float]]:
    left, right, bottom, top = column - 0.5, column + 0.5, row - 0.5, row + 0.5
    return [left, right, right, left, left], [bottom, bottom, top, top, bottom]


def _entry(name: str, color: str, number: int) -> go.Scatter:
    return go.Scatter(
        name=name,
        x=[None],
        y=[None],
        mode="markers",
        marker={"symbol": "square", "size": 10, "color": color},
        hoverinfo="skip",
        **on(number),
    )
