"""Query loss for each number of test steps over the trained K, next to baselines."""

import numpy as np
import plotly.graph_objects as go

from labkit.figures.instruments.cells import (
    cell_axis,
    cell_outlines,
    curve_limits,
    curve_parts,
    curve_traces,
    heat_map,
    put_cell,
    put_cells,
)
from labkit.figures.instruments.grid import Plot, grid_figure, on
from labkit.figures.style import BEFORE, SUPPORT, TRUTH, algorithm_color, drawable, log_axis
from labkit.session import SurfaceView

SURFACE, CURVE = range(2)

LAYOUTS = {0: ((SURFACE,), (CURVE,)), 640: ((SURFACE, SURFACE, SURFACE, CURVE, CURVE),)}

ROW_HEIGHT = 280
"""Pixels of a row."""

STYLES = (
    (BEFORE, "dash"),
    (SUPPORT, "dash"),
    (TRUTH, "dot"),
    (algorithm_color("reptile"), "dot"),
)
"""Of the baselines, in the order in which a view has them."""


def steps_surface_words(view: SurfaceView) -> list[str]:
    """What a surface says in words: how far it is, and which K is best for few and many steps."""
    ks, seeds = ", ".join(map(str, view.trained)), len(view.seeds)
    first = f"trained K = {ks}, {seeds} seeds"
    if not view.measured.any():
        return [f"{first}, {view.meta_steps:,} meta-steps each: not measured yet"]
    first += f" · meta-step {view.meta_step:,} of {view.meta_steps:,}"
    if not view.measured.all():
        return [f"{first} · {int((~view.measured).sum())} still to come"]
    words = []
    for steps in (min(view.trained), view.curves.shape[-1] - 1):
        losses = view.loss[:, steps]
        row = int(losses.argmin())
        count = f"{steps} step" + "s" * (steps != 1)
        words.append(
            f"after {count} K = {view.trained[row]} with {losses[row]:.3g}"
            if losses.isfinite().any()
            else f"after {count} all have diverged"
        )
    return [first, f"Lowest: {', '.join(words)}"]


def steps_surface_notes(view: SurfaceView) -> list[str]:
    """What to know before the numbers are read."""
    if view.settings.alpha == 0:
        return ["α = 0: no step changes anything, so all test steps are the same."]
    return []


def steps_surface_figure(view: SurfaceView, cell: tuple[int, int] | None = None) -> go.Figure:
    """A heat map of the query loss, trained K against test steps, and the curve of one row.

    Dots are where as many steps are tested as were trained. Hatched cells have diverged with one of
    their seeds. Next to the map the curve of one K has its interval over the seeds; dashed and
    dotted lines are baselines. `layout.meta.cells` has the curves of all K.

    Args:
        view: Of a `labkit.SurfaceTraining`.
        cell: Row and number of test steps that are shown; None: the largest K with as many.
    """
    losses = view.loss.numpy()
    rows, columns = losses.shape
    top = view.untrained or 1.0
    names = [f"trained K = {k}" for k in view.trained]
    titles = [
        f"{name}, tested with {steps} step{'s' * (steps != 1)}"
        for name in names
        for steps in range(columns)
    ]
    limits = curve_limits(losses, top)
    means, halves = zip(*((c.numpy() for c in view.curve(row)) for row in range(rows)), strict=True)
    baselines = {name: view.baseline(name).numpy() for name in view.baselines}
    traces = [
        *heat_map(losses, top, titles, [_text(loss) for loss in losses.flat], SURFACE),
        _diagonal(view),
        *curve_traces(CURVE),
        *(
            _baseline(name, values, style, limits[1])
            for (name, values), style in zip(baselines.items(), STYLES, strict=False)
        ),
    ]
    seen = [np.clip(v[np.isfinite(v)], *limits) for v in (*means, *baselines.values())]
    seen.append(np.array([top]))
    figure = grid_figure(
        [
            Plot(
                cell_axis("test steps", [str(k) for k in range(columns)]),
                cell_axis("trained K", [str(k) for k in view.trained]),
            ),
            Plot(
                {"title": "test steps", "range": [-0.5, columns - 0.5]},
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
    parts = curve_parts(means, halves, limits)
    parts["outline"] = cell_outlines(rows, columns)
    put_cells(figure, parts, titles, columns, CURVE)
    row, steps = cell or (rows - 1, view.trained[-1])
    put_cell(figure, row * columns + steps)
    return figure


def _text(loss: float) -> str:
    if np.isnan(loss):
        return "not measured yet"
    return f"{loss:.3g}" if np.isfinite(loss) else "diverged"


def _diagonal(view: SurfaceView) -> go.Scatter:
    return go.Scatter(
        name="as many as trained",
        x=list(view.trained),
        y=list(range(len(view.trained))),
        mode="markers",
        marker={"color": "#000000", "size": 5},
        hoverinfo="skip",
        **on(SURFACE),
    )


def _baseline(name: str, values: np.ndarray, style: tuple[str, str], limit: float) -> go.Scatter:
    color, dash = style
    return go.Scatter(
        name=name,
        x=np.arange(len(values), dtype=np.float64),
        y=drawable(values, limit),
        mode="lines",
        line={"color": color, "width": 1.5, "dash": dash},
        hovertemplate=f"{name}, %{{x}} steps: %{{y:.3g}}<extra></extra>",
        **on(CURVE),
    )
