"""The meta-loss before and after adaptation on a line or a plane, with the paths on it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.basedatatypes import BaseTraceType
from torch import Tensor

from labkit.figures.instruments.grid import Plot, grid_figure, on
from labkit.figures.instruments.hatching import hatching
from labkit.figures.instruments.landscape_marks import (
    AFTER_PLOT,
    BEFORE_PLOT,
    INK,
    WHEN,
    adaptation_marks,
    descent_marks,
    fixed_point_marks,
    legend_marks,
    names_of,
    path_marks,
)
from labkit.figures.instruments.loss_colors import USUAL, LossColors
from labkit.figures.instruments.values import Floats, ago, numbers_of, with_gaps
from labkit.figures.style import AFTER, BEFORE, TEXT, TRUTH
from labkit.session import Landscape, LandscapeView

LAYOUTS = {0: ((BEFORE_PLOT,), (AFTER_PLOT,)), 480: ((BEFORE_PLOT, AFTER_PLOT),)}
ROW_HEIGHT = 320
BAR = 66
"""Pixels to the right of the plots, for the scale of the colours."""


def landscape_words(view: LandscapeView) -> list[str]:
    """What a view says in words: how old it is, the losses at θ and the lowest, what diverges."""
    landscape = view.landscape
    if landscape is None:
        return ["not measured yet"]
    when = ago(view.age, landscape.meta_step)
    sizes = " × ".join(str(size) for size in landscape.after.shape[:-1])
    tasks = landscape.after.shape[-1]
    words = [
        f"{tasks} tasks · θ of meta-step {landscape.meta_step:,}, measured {when} · {sizes} points"
    ]
    before, after = (float(loss) for loss in landscape.loss)
    lowest = [_lowest(_mean(losses)) for losses in (landscape.before, landscape.after)]
    line = (
        f"loss at θ {before:.3g}, after adaptation {after:.3g} · lowest here {lowest[0]:.3g} and "
        f"{lowest[1]:.3g}"
    )
    diverged = float(landscape.diverged.double().mean())
    if diverged:
        line += f" · {diverged:.0%} diverge" if diverged >= 0.01 else " · less than 1% diverge"
    if landscape.theory is not None:
        line += f" · closed form within {_difference(landscape, landscape.theory):.1g}"
    return [*words, line]


def landscape_figure(view: LandscapeView) -> go.Figure:
    """The loss before and after adaptation side by side, on one scale, with the paths on it.

    On a plane: colours and lines of equal loss; θ's history; each task's inner steps, over the loss
    before adaptation; the steepest descent of the loss after it, by exact MAML and first-order
    MAML; hatched where adaptation diverges. On a line: curves. For a toy problem: the fixed points
    of four methods and the closed form as dotted lines.

    Args:
        view: Of a `labkit.LandscapeMonitor`.
    """
    landscape = view.landscape
    if landscape is None:
        return grid_figure([Plot({"title": ""}, {"title": ""})] * 2, [], LAYOUTS, titled=True)
    line = len(landscape.grid) == 1
    parts = _line(landscape, view.tasks) if line else _plane(landscape, view.tasks)
    traces, axes, layout = parts
    figure = grid_figure(
        [Plot(*axes)] * 2,
        traces,
        LAYOUTS,
        row_height=ROW_HEIGHT,
        titled=True,
        right=12 if line else BAR,
    )
    figure.update_layout(annotations=_titles(landscape), **layout)
    return figure


Parts = tuple[list[BaseTraceType], tuple[dict[str, Any], dict[str, Any]], dict[str, Any]]


def _plane(landscape: Landscape, tasks: Sequence[str]) -> Parts:
    """Traces, axes and layout of a plane."""
    x, y = (numbers_of(axis[:: landscape.stride]) for axis in landscape.grid)
    diverged = landscape.diverged.cpu().numpy().T
    losses = [_mean(part).T for part in (landscape.before, landscape.after)]
    drawable = [losses[0], np.where(diverged, np.nan, losses[1])]
    scale = LossColors(drawable)
    traces: list[BaseTraceType] = []
    for number, (name, values) in enumerate(zip(("before", "after"), drawable, strict=True)):
        heights = scale.heights(values)
        traces += [
            go.Heatmap(
                name=f"loss {name} adaptation",
                x=x,
                y=y,
                z=heights,
                customdata=with_gaps(values),
                coloraxis="coloraxis",
                hovertemplate=f"loss {name}: %{{customdata:.4g}}<extra></extra>",
                **on(number),
            ),
            go.Contour(
                name=f"lines of equal loss, {name}",
                x=x,
                y=y,
                z=heights,
                contours={"coloring": "none", **scale.lines},
                line={"color": "rgba(16,16,16,0.35)", "width": 0.8},
                showscale=False,
                showlegend=False,
                hoverinfo="skip",
                **on(number),
            ),
        ]
    traces.append(hatching(x, y, ~np.isfinite(drawable[1]), AFTER_PLOT, legend=True))
    if (~np.isfinite(drawable[0])).any():
        traces.append(hatching(x, y, ~np.isfinite(drawable[0]), BEFORE_PLOT))
    if landscape.theory is not None:
        traces.append(_theory_lines(landscape, landscape.theory, scale))
    traces += adaptation_marks(landscape, tasks)
    for number in WHEN:
        traces += path_marks(landscape, number)
        traces += fixed_point_marks(landscape, number)
    traces += descent_marks(landscape)
    traces += legend_marks(landscape)
    names = _axis_names(landscape, tasks)
    ends = [_ends(axis) for axis in landscape.grid]
    axes = (
        {"title": names[0], "range": ends[0], "showgrid": False},
        {"title": names[1], "range": ends[1], "showgrid": False},
    )
    return traces, axes, {"coloraxis": scale.axis}


def _line(landscape: Landscape, tasks: Sequence[str]) -> Parts:
    """Traces, axes and layout of a line."""
    x = numbers_of(landscape.grid[0][:: landscape.stride])
    diverged = landscape.diverged.cpu().numpy()
    parts = (
        numbers_of(landscape.before),
        np.where(diverged[:, None], np.nan, numbers_of(landscape.after)),
    )
    means = [part.mean(-1) for part in parts]
    finite = np.concatenate([mean[np.isfinite(mean)] for mean in means])
    limits = None
    if len(finite):
        low, high = float(finite.min()), float(np.quantile(finite, USUAL))
        room = 0.08 * (high - low or 1.0)
        limits = [low - room, high + room]
    traces: list[BaseTraceType] = []
    for number, (part, mean) in enumerate(zip(parts, means, strict=True)):
        common: dict[str, Any] = {"mode": "lines", "showlegend": False, **on(number)}
        names = names_of(tasks, part.shape[1])
        for task, name in enumerate(names):
            traces.append(
                go.Scatter(
                    name=name,
                    x=x,
                    y=with_gaps(part[:, task]),
                    line={"color": BEFORE, "width": 1},
                    opacity=0.6,
                    hovertemplate=f"{name}: %{{y:.4g}}<extra></extra>",
                    **common,
                )
            )
        traces.append(
            go.Scatter(
                name="mean loss",
                x=x,
                y=with_gaps(mean),
                line={"color": AFTER, "width": 2.5},
                hovertemplate="mean: %{y:.4g}<extra></extra>",
                **{**common, "showlegend": number == AFTER_PLOT},
            )
        )
        history = landscape.path_losses[:, number]
        traces += [
            go.Scatter(
                name="θ's path",
                x=numbers_of(landscape.path[:, 0]),
                y=with_gaps(history),
                text=[f"θ of meta-step {step:,}" for step in landscape.path_steps],
                mode="lines+markers",
                line={"color": TRUTH, "width": 1},
                marker={
                    "color": TRUTH,
                    "size": [4] * (len(history) - 1) + [10],
                },
                hovertemplate="%{text}: %{y:.4g}<extra></extra>",
                showlegend=number == AFTER_PLOT,
                **on(number),
            ),
            *fixed_point_marks(landscape, number),
        ]
    traces += adaptation_marks(landscape, tasks)
    if landscape.theory is not None:
        traces.append(
            go.Scatter(
                name="closed form",
                x=numbers_of(landscape.grid[0][:: landscape.theory_stride]),
                y=with_gaps(landscape.theory),
                mode="lines",
                line={"color": TRUTH, "width": 1.5, "dash": "dot"},
                hovertemplate="closed form: %{y:.4g}<extra></extra>",
                **on(AFTER_PLOT),
            )
        )
    bad = ~np.isfinite(means[1])
    if bad.any() and limits is not None:
        traces.append(hatching(x, np.array(limits), np.stack([bad, bad]), AFTER_PLOT, legend=True))
    axes = (
        {"title": _axis_names(landscape, tasks)[0], "range": _ends(landscape.grid[0])},
        {"title": "query loss", **({} if limits is None else {"range": limits})},
    )
    return traces, axes, {}


def _theory_lines(landscape: Landscape, theory: Tensor, scale: LossColors) -> go.Contour:
    """The closed form's lines of equal loss, at the levels of the measured ones."""
    stride = landscape.theory_stride
    return go.Contour(
        name="closed form",
        x=numbers_of(landscape.grid[0][::stride]),
        y=numbers_of(landscape.grid[1][::stride]),
        z=scale.heights(numbers_of(theory).T),
        contours={"coloring": "none", **scale.lines},
        line={"color": INK, "width": 1.5, "dash": "dot"},
        showscale=False,
        showlegend=False,
        hoverinfo="skip",
        **on(AFTER_PLOT),
    )


def _titles(landscape: Landscape) -> list[dict[str, Any]]:
    """A line above each plot."""
    alpha = "" if landscape.alpha is None else f", α = {landscape.alpha:.3g}"
    steps = "1 inner step" if landscape.inner_steps == 1 else f"{landscape.inner_steps} inner steps"
    titles = "before adaptation", f"after {steps}{alpha}"
    return [
        {
            "text": f"<b>{title}</b>",
            "xref": f"{on(number)['xaxis']} domain",
            "yref": f"{on(number)['yaxis']} domain",
            "x": 0,
            "y": 1,
            "xanchor": "left",
            "yanchor": "bottom",
            "showarrow": False,
            "font": {"size": 12, "color": TEXT},
        }
        for number, title in enumerate(titles)
    ]


def _axis_names(landscape: Landscape, tasks: Sequence[str]) -> list[str]:
    """What each direction is, and its share of the variance of θ's path."""
    count = len(landscape.grid)
    names = [f"direction {i + 1}" for i in range(count)]
    if landscape.spanned_by == "parameters":
        names = ["θ"] if count == 1 else ["θ₁", "θ₂"]
    elif landscape.spanned_by == "tasks":
        pair = names_of(tasks, landscape.after.shape[-1])
        names = [f"→ {pair[i].partition(' (')[0]}" for i in landscape.pair]
    if landscape.shares:
        names = [
            f"{name} · {share:.0%} of θ's path"
            for name, share in zip(names, landscape.shares, strict=True)
        ]
    return names


def _difference(landscape: Landscape, theory: Tensor) -> float:
    """The largest difference between the closed form and what was measured on the same points."""
    measured = landscape.after.mean(-1)
    common = max(landscape.stride, landscape.theory_stride)
    theory = theory[(slice(None, None, common // landscape.theory_stride),) * theory.ndim]
    measured = measured[(slice(None, None, common // landscape.stride),) * measured.ndim]
    off = numbers_of(theory) - numbers_of(measured)
    off = np.abs(off[np.isfinite(off)])
    return float(off.max()) if len(off) else float("nan")


def _ends(axis: Tensor) -> list[float]:
    """The whole of an axis, with its outermost cells."""
    half = float(axis[1] - axis[0]) / 2
    return [float(axis[0]) - half, float(axis[-1]) + half]


def _lowest(values: Floats) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.min()) if len(finite) else float("nan")


def _mean(losses: Tensor) -> Floats:
    return numbers_of(losses.mean(-1))
