"""Query loss over two hyper-parameters, and the adaptation curve of one cell."""

import math

import numpy as np
import plotly.graph_objects as go

from labkit.figures.instruments.cells import (
    Floats,
    cell_axis,
    cell_outlines,
    curve_limits,
    curve_parts,
    curve_traces,
    heat_map,
    put_cell,
    put_cells,
    star,
)
from labkit.figures.instruments.grid import Plot, grid_figure, on
from labkit.figures.style import BEFORE, SUPPORT, log_axis
from labkit.session import MANY_CELLS, SYMBOLS, MapView

MAP, CURVE = range(2)

LAYOUTS = {0: ((MAP,), (CURVE,)), 640: ((MAP, MAP, MAP, CURVE, CURVE),)}

ROW_HEIGHT = 330
"""Pixels of a row: cells have room for their number."""


def hyperparameter_map_words(view: MapView) -> list[str]:
    """What a map says in words: how far it is, the best cell and whether it lies on the edge."""
    rows, columns = view.grid.shape
    cells, seeds = f"{rows} × {columns} cells", len(view.seeds)
    if not view.measured.any():
        return [f"{cells} × {seeds} seeds, {view.meta_steps:,} meta-steps each: not measured yet"]
    first = f"{cells}, {seeds} seeds · meta-step {view.meta_step:,} of {view.meta_steps:,}"
    diverged = int(view.loss.isinf().sum())
    if diverged:
        first += f" · {diverged} diverged"
    missing = int((~view.measured).any(dim=2).sum())
    if missing:
        return [f"{first} · {missing} still to come"]
    best = view.best
    if best is None:
        return [first, "all cells have diverged: try smaller α and β"]
    words = f"Best: {view.grid.title(best.row, best.column)} with {best.chosen:.3g}"
    if best.judged is not None:
        words += f"; on {best.new_seeds} new seeds {best.judged:.3g} ± {best.ci95:.2g}"
    elif view.judging:
        words += ", now trained with new seeds"
    edges = view.grid.edges(best.row, best.column)
    if edges:
        words += f". On the edge: {' and '.join(edges)} that was tried"
    return [first, words]


def hyperparameter_map_notes(view: MapView) -> list[str]:
    """What to know of a grid before its numbers are read, a sentence each."""
    grid, notes = view.grid, []
    rows, columns = grid.shape
    if rows * columns > MANY_CELLS:
        learners = rows * columns * len(view.seeds)
        notes.append(
            f"{rows * columns:,} cells × {len(view.seeds)} seeds are {learners:,} learners: "
            "fewer values or seeds take less time."
        )
    steps = {grid.inner_steps(row, column) for row in range(rows) for column in range(columns)}
    if 0 in steps and "alpha" in grid.names:
        notes.append("K = 0: without an inner step α has no effect.")
    return notes


def hyperparameter_map_figure(view: MapView, cell: tuple[int, int] | None = None) -> go.Figure:
    """A heat map of the query loss after K steps, and the adaptation curve of one cell.

    A cell is the mean over its seeds, a hatched one has diverged with one of them. Losses from that
    of θ₀ without adaptation on have one colour. The star is the best cell; next to its curve is its
    loss on new seeds, with the 95 % interval. `layout.meta.cells` has the curves of all cells, for
    a page that shows the one under the pointer.

    Args:
        view: Of a `labkit.MapTraining`.
        cell: Row and column of the cell whose curve is shown; None: the best one, or the first.
    """
    grid, best = view.grid, view.best
    rows, columns = grid.shape
    places = [(row, column) for row in range(rows) for column in range(columns)]
    means, halves = (np.stack(c) for c in zip(*(_curve(view, *p) for p in places), strict=True))
    top = view.untrained or 1.0
    losses = view.loss.numpy()
    limits = curve_limits(losses, top)
    seen = [np.clip(mean[np.isfinite(mean)], *limits) for mean in means] + [np.array([top])]
    titles = [grid.title(*place) for place in places]
    traces = [
        *heat_map(losses, top, titles, [_text(view, *place) for place in places], MAP),
        _untrained(view),
        *curve_traces(CURVE),
        _judged(view),
    ]
    if best is not None:
        traces.append(star(best.row, best.column, MAP))
    words = [[f"{value:g}" for value in values] for values in grid.values]
    x, y = (SYMBOLS[name] for name in grid.names)
    figure = grid_figure(
        [
            Plot(cell_axis(x, words[0]), cell_axis(y, words[1])),
            Plot(
                {"title": "inner steps", "dtick": 1 if means.shape[1] < 13 else 5},
                {
                    "title": "query loss",
                    "type": "log",
                    **log_axis(seen, free=0.0),
                },
            ),
        ],
        traces,
        LAYOUTS,
        row_height=ROW_HEIGHT,
        titled=True,
    )
    parts = curve_parts(list(means), list(halves), limits)
    parts["outline"] = cell_outlines(rows, columns)
    put_cells(figure, parts, titles, columns, CURVE)
    row, column = cell or ((0, 0) if best is None else (best.row, best.column))
    put_cell(figure, row * columns + column)
    return figure


def _curve(view: MapView, row: int, column: int) -> tuple[Floats, Floats]:
    mean, half = view.curve(row, column)
    return mean.numpy(), half.numpy()


def _text(view: MapView, row: int, column: int) -> str:
    """What the label of a cell says."""
    losses = view.losses[row, column][view.measured[row, column]]
    if not len(losses):
        return "not measured yet"
    diverged = int(losses.isinf().sum())
    if diverged:
        return f"diverged with {diverged} of {len(losses)} seeds"
    values = ", ".join(f"{loss:.3g}" for loss in losses.tolist())
    return f"{losses.mean():.3g}, by seed: {values}"


def _untrained(view: MapView) -> go.Scatter:
    """A line at the loss of θ₀ without adaptation."""
    last = view.curves.shape[-1] - 1
    there = view.untrained > 0
    return go.Scatter(
        name="θ₀, not adapted",
        x=[0, last] if there else [],
        y=[view.untrained] * 2 if there else [],
        mode="lines",
        line={"color": BEFORE, "width": 1, "dash": "dash"},
        hovertemplate="θ₀, not adapted: %{y:.3g}<extra></extra>",
        showlegend=False,
        **on(CURVE),
    )


def _judged(view: MapView) -> go.Scatter:
    """The loss of the best cell on new seeds, with its interval."""
    best = view.best
    x, y, half = [], [], []
    if best is not None and best.judged is not None and math.isfinite(best.judged):
        x = [view.grid.inner_steps(best.row, best.column)]
        y, half = [best.judged], [best.ci95]
    return go.Scatter(
        name="best, on new seeds",
        x=x,
        y=y,
        error_y={"type": "data", "array": half, "color": SUPPORT},
        mode="markers",
        marker={"color": SUPPORT, "size": 8, "symbol": "diamond"},
        hovertemplate="best, on new seeds: %{y:.3g}<extra></extra>",
        showlegend=bool(x),
        **on(CURVE),
    )
