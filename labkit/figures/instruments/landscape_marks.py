"""What lies on a landscape: θ's history, inner steps, directions of descent, fixed points."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from labkit.figures.instruments.grid import on
from labkit.figures.instruments.values import numbers_of, with_gaps
from labkit.figures.style import BEFORE, SMALL, SUPPORT, TRUTH, algorithm_color
from labkit.session import Landscape

WHEN = BEFORE_PLOT, AFTER_PLOT = range(2)
"""The two plots: before and after adaptation."""

INK, HALO = "#101010", "#fefefe"
"""Of lines over these colours, the same on any paper."""

TASK_INK = "#a8320a"

MARKS = {"exact": "star", "first order": "diamond", "Reptile": "square", "joint": "triangle-up"}

SIDES = {
    "exact": "top center",
    "first order": "bottom center",
    "Reptile": "top center",
    "joint": "bottom center",
}
"""Where the name of each mark is; two that lie together have theirs apart."""

METHOD_COLORS = {
    "exact": algorithm_color("maml", 2),
    "first order": algorithm_color("maml", 1),
    "Reptile": algorithm_color("reptile"),
    "joint": BEFORE,
}

ORDER_NAMES = {2: "exact descent", 1: "first-order descent"}


def path_marks(landscape: Landscape, number: int) -> list[go.Scatter]:
    """θ's history over a plane: a light line below a dark one, so it is seen on any colour."""
    x, y = numbers_of(landscape.path).T
    common: dict[str, Any] = {"x": x, "y": y, **on(number)}
    far = numbers_of(landscape.path_distances)
    when = ("before", "after")[number]
    texts = [
        f"θ of meta-step {step:,}, {distance:.2g} from the plane<br>loss {when} on it: {loss:.4g}"
        for step, distance, loss in zip(
            landscape.path_steps, far, numbers_of(landscape.path_losses[:, number]), strict=True
        )
    ]
    sizes = [3.5] * (len(x) - 1) + [11]
    return [
        go.Scatter(
            name="θ's path, halo",
            mode="lines",
            line={"color": HALO, "width": 5},
            hoverinfo="skip",
            showlegend=False,
            **common,
        ),
        go.Scatter(
            name="θ's path",
            mode="lines+markers",
            line={"color": INK, "width": 1.8},
            marker={"color": INK, "size": sizes, "line": {"color": HALO, "width": 1}},
            text=texts,
            hovertemplate="%{text}<extra></extra>",
            showlegend=False,
            **common,
        ),
    ]


def adaptation_marks(landscape: Landscape, tasks: Sequence[str]) -> list[go.Scatter]:
    """Each task's inner steps, over the loss before adaptation."""
    paths = numbers_of(landscape.adaptation)
    distances = numbers_of(landscape.adaptation_distances)
    losses = landscape.adaptation_losses
    x: list[float] = []
    y: list[float] = []
    texts: list[str] = []
    sizes: list[float] = []
    for task, name in enumerate(names_of(tasks, len(paths))):
        own = paths[task]
        x += [*own[:, 0], np.nan]
        y += [*(own[:, 1] if losses is None else numbers_of(losses[task])), np.nan]
        texts += [
            f"{name}<br>after {k} inner steps, {far:.2g} from the plane"
            for k, far in enumerate(distances[task])
        ] + [""]
        sizes += [0.0] + [4.0] * (len(own) - 1) + [0.0]
    return [
        go.Scatter(
            name="inner steps",
            x=np.array(x),
            y=with_gaps(y),
            text=texts,
            mode="lines+markers",
            line={"color": SUPPORT if losses is not None else TASK_INK, "width": 1.2},
            marker={
                "color": SUPPORT if losses is not None else TASK_INK,
                "size": sizes,
                "line": {"width": 0},
            },
            hovertemplate="%{text}<extra></extra>",
            showlegend=len(paths[0]) > 1,
            **on(BEFORE_PLOT),
        )
    ]


def descent_marks(landscape: Landscape) -> list[go.Scatter]:
    """−(meta-gradient) of either order from θ; the longer one crosses a fifth of the plane."""
    start = numbers_of(landscape.theta)
    extent = np.array([float(axis[-1] - axis[0]) for axis in landscape.grid])
    reach = [np.abs(numbers_of(step) / extent).max() for step in landscape.descent.values()]
    longest = max((part for part in reach if np.isfinite(part)), default=0.0)
    if not longest > 0:
        return []
    traces = []
    for order, step in landscape.descent.items():
        end = start + numbers_of(step) / (5 * longest)
        traces.append(
            go.Scatter(
                name=ORDER_NAMES[order],
                x=[start[0], end[0]],
                y=[start[1], end[1]],
                mode="lines+markers",
                line={
                    "color": algorithm_color("maml", order),
                    "width": 4 if order == landscape.order else 2,
                },
                marker={
                    "symbol": "arrow",
                    "angleref": "previous",
                    "size": [0, 13],
                    "color": algorithm_color("maml", order),
                    "line": {"color": HALO, "width": 1},
                },
                hovertemplate=f"−meta-gradient: {ORDER_NAMES[order]}<extra></extra>",
                **on(AFTER_PLOT),
            )
        )
    return traces


def fixed_point_marks(landscape: Landscape, number: int) -> list[go.Scatter]:
    """Where each method ends; an open mark where no β leads there."""
    line, traces = len(landscape.grid) == 1, []
    for point in landscape.fixed_points:
        position, loss = numbers_of(point.position), float(point.loss[number])
        color = METHOD_COLORS[point.method]
        reached = "" if point.reachable else ", reached with no β"
        place = ", ".join(f"{value:.4g}" for value in position)
        traces.append(
            go.Scatter(
                name=f"{point.method} ends",
                text=[point.method],
                textposition=SIDES[point.method],
                textfont={"size": SMALL, "color": TRUTH if line else INK},
                x=[position[0]],
                y=[loss if line else position[1]],
                mode="markers+text",
                marker={
                    "symbol": MARKS[point.method] + ("" if point.reachable else "-open"),
                    "size": 12,
                    "color": color,
                    "line": {"color": TRUTH if line else INK, "width": 1},
                },
                hovertemplate=(
                    f"{point.method} ends at {place}{reached}<br>loss {loss:.4g}<extra></extra>"
                ),
                showlegend=False,
                cliponaxis=False,
                **on(number),
            )
        )
    return traces


def names_of(tasks: Sequence[str], count: int) -> list[str]:
    """A name for each task of a batch; those of a toy problem come in turn."""
    return [tasks[i] if i < len(tasks) else f"task {i + 1}" for i in range(count)]


def legend_marks(landscape: Landscape) -> list[go.Scatter]:
    """Entries of the legend, in colours that stand out from the paper, with nothing drawn."""
    names = {"θ's path": "solid"} | ({} if landscape.theory is None else {"closed form": "dot"})
    return [
        go.Scatter(
            name=name,
            x=[None],
            y=[None],
            mode="lines",
            line={"color": TRUTH, "width": 2, "dash": dash},
            hoverinfo="skip",
            **on(AFTER_PLOT),
        )
        for name, dash in names.items()
    ]
