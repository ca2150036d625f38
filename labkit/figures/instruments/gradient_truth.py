"""What the second derivative does to the meta-gradient: angles, lengths and curvature."""

from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any

import numpy as np
import plotly.graph_objects as go
from torch import Tensor

from labkit.figures.instruments.grid import Plot, grid_figure, on
from labkit.figures.instruments.values import Floats, ago, numbers_of, with_gaps
from labkit.figures.style import AFTER, BEFORE, SMALL, TEXT, TRUTH, algorithm_color
from labkit.session import GradientPoint, GradientView

ANGLE, RATIO, CURVATURE, ANGLE_ALPHA, ANGLE_STEPS, RATIO_ALPHA, RATIO_STEPS, PATH = range(8)

LAYOUTS = {
    0: (
        (ANGLE, ANGLE),
        (ANGLE_ALPHA, ANGLE_STEPS),
        (RATIO, RATIO),
        (RATIO_ALPHA, RATIO_STEPS),
        (CURVATURE, PATH),
    ),
    700: (
        (ANGLE, ANGLE_ALPHA, ANGLE_STEPS),
        (RATIO, RATIO_ALPHA, RATIO_STEPS),
        (CURVATURE, CURVATURE, PATH),
    ),
}

OVERSHOOTS, DIVERGES = 1.0, 2.0
"""α·λ at which a step on a quadratic passes its minimum, and at which it no longer comes nearer."""

MOST_NAMES = 3
"""Tasks that are named in a plot or a line of text."""

THEORY = {"color": TRUTH, "width": 1.5, "dash": "dot"}

OTHERS = (("first order", "maml", 1), ("Reptile", "reptile", 2))
"""What is compared with exact MAML, and the algorithm and order that give its colour."""


ESTIMATORS = (
    ("dice", "maml", 2),
    ("lvc", "anil", 2),
    ("surrogate", "reptile", 2),
    ("first order", "maml", 1),
)
"""What is compared with the pathwise derivative of policies, and whose colour it has."""


def tasks_beyond(view: GradientView, limit: float = DIVERGES) -> tuple[str, ...]:
    """Names of the tasks with |α·λ| above a limit somewhere on their inner path, the worst first.

    Args:
        view: Its last point counts.
        limit: 2, where a step on a quadratic diverges, or another one.
    """
    if not view.points or view.points[-1].curvature is None:
        return ()
    worst = _worst(view.points[-1].curvature.alpha_largest)
    order = np.argsort(-worst)
    return tuple(view.tasks[task] for task in order if worst[task] > limit)


def gradient_truth_words(view: GradientView) -> list[str]:
    """What a view says in words: how old its numbers are, what diverges, what failed."""
    if not view.points:
        return ["not measured yet", *view.problems]
    point = view.points[-1]
    words = [f"{len(view.tasks)} tasks · measured {ago(view.age, point.meta_step)}"]
    if view.sweep is not None:
        words[0] += f" · against α and K {ago(view.sweep_age, view.sweep.meta_step)}"
    if point.estimators is not None:
        words.append(_estimator_words(point))
    elif point.curvature is not None:
        beyond = tasks_beyond(view)
        if beyond:
            words.append(f"α·λ > 2, a step diverges: {_listed(beyond)}")
        elif point.curvature.alpha_largest.isfinite().all():
            words.append("α·λ ≤ 2 on all inner paths: no step diverges")
        else:
            words.append("α·λ is not finite on all inner paths")
    elif point.inner_steps == 0:
        words.append("K = 0: without an inner step exact and first order are the same")
    return [*words, *view.problems]


def _estimator_words(point: GradientPoint) -> str:
    """The angles to the pathwise meta-gradient, and how far that is the truth."""
    estimators = point.estimators
    if estimators is None:
        return ""
    rows = [(name, estimators[name]) for name, _, _ in ESTIMATORS]
    angles = ", ".join(
        f"{name} {row.angle:.0f}° ± {row.angle_ci95:.0f}°" if isfinite(row.angle) else f"{name} ?"
        for name, row in rows
    )
    truth = f"pathwise (not exact: {point.rough})" if point.rough else "pathwise, which is exact"
    return f"angle to {truth}: {angles}; {estimators.samples} samples"


def gradient_truth_figure(view: GradientView) -> go.Figure:
    """Angles and lengths of the directions, and α·λ along the inner path.

    Against exact MAML's: first-order MAML's and Reptile's, over meta-steps, and against α and K at
    one θ. Dots are tasks; lines are the angle of the mean directions, or the median of α·λ;
    dotted lines are the closed form of a toy problem.

    Args:
        view: Of a `labkit.GradientMonitor`.
    """
    sweep = view.sweep
    by_alpha, by_steps = ((), ()) if sweep is None else (sweep.by_alpha, sweep.by_steps)
    alpha = by_alpha[0].alpha if by_alpha else None
    traces: list[go.Scatter] = []
    for points, x_of, angle, ratio in (
        (view.points, lambda p: p.meta_step, ANGLE, RATIO),
        (by_alpha, lambda p: p.scale * (1 if alpha is None else alpha), ANGLE_ALPHA, RATIO_ALPHA),
        (by_steps, lambda p: p.inner_steps, ANGLE_STEPS, RATIO_STEPS),
    ):
        traces += _compared(points, view.tasks, x_of, angle, "angle")
        traces += _compared(points, view.tasks, x_of, ratio, "ratio")
        traces += _estimated(points, x_of, angle, "angle")
        traces += _estimated(points, x_of, ratio, "ratio")
    traces += _curvatures(view)
    every = (*view.points, *by_alpha, *by_steps)
    policies = any(p.estimators for p in every)
    traces += _legend(any(p.theory for p in every), ESTIMATORS if policies else OTHERS)
    alpha_title = "α, as a multiple" if alpha is None else "α"
    log: dict[str, Any] = {"type": "log", "tickformat": "~g"}
    truth = "pathwise" if policies else "exact"
    degrees = {"title": f"angle to {truth}, °", "rangemode": "tozero"}
    length = {"title": f"length / {truth}", **log, "nticks": 5}
    steps = {"title": "K", "dtick": 1}
    last = view.points[-1].inner_steps - 1 if view.points else 0
    limit = _limit(view)
    figure = grid_figure(
        [
            Plot({"title": "meta-step"}, degrees),
            Plot({"title": "meta-step"}, length),
            Plot({"title": "meta-step"}, {"title": "largest α·λ", "range": limit}),
            Plot({"title": alpha_title, **log, "dtick": 1}, degrees),
            Plot(steps, degrees),
            Plot({"title": alpha_title, **log, "dtick": 1}, length),
            Plot(steps, length),
            Plot(
                {"title": "inner step k", "dtick": 1, "range": [-0.5, max(last, 0) + 0.5]},
                {"title": "α·λ at θ_k", "range": limit},
            ),
        ],
        traces,
        LAYOUTS,
    )
    figure.update_layout(shapes=[_line(n, at) for n in (CURVATURE, PATH) for at in (1.0, 2.0)])
    return figure


def _compared(
    points: Sequence[GradientPoint],
    tasks: Sequence[str],
    x_of: Callable[[GradientPoint], float],
    number: int,
    what: str,
) -> list[go.Scatter]:
    """Dots, the line of the means, and the closed form, for each method."""
    traces = []
    measured = [point for point in points if point.directions is not None]
    solved = [point for point in points if point.theory is not None]
    x = np.array([x_of(point) for point in measured], dtype=np.float64)
    for name, algorithm, order in OTHERS:
        color = algorithm_color(algorithm, order)
        per_task = np.array([_of_tasks(p.directions, name, what) for p in measured])
        means = [_of_mean(p.directions, name, what) for p in measured]
        exact = [_of_mean(p.theory.directions, name, what) for p in solved if p.theory]
        traces += [
            go.Scatter(
                name=f"{name}, tasks",
                x=np.repeat(x, len(tasks)),
                y=with_gaps(per_task.ravel()),
                text=list(tasks) * len(x),
                mode="markers",
                marker={"color": color, "size": 3.5, "opacity": 0.45},
                hovertemplate=f"%{{text}}<br>{name}: %{{y:.3g}}<extra></extra>",
                showlegend=False,
                **on(number),
            ),
            go.Scatter(
                name=name,
                x=x,
                y=with_gaps(means),
                mode="lines+markers" if len(x) < 30 else "lines",
                line={"color": color, "width": 2},
                marker={"size": 4},
                hovertemplate=f"{name}, mean: %{{y:.4g}}<extra></extra>",
                showlegend=False,
                **on(number),
            ),
            go.Scatter(
                name=f"{name}, theory",
                x=np.array([x_of(point) for point in solved], dtype=np.float64),
                y=with_gaps(exact),
                mode="lines",
                line=THEORY,
                hovertemplate=f"{name}, theory: %{{y:.4g}}<extra></extra>",
                showlegend=False,
                **on(number),
            ),
        ]
    return traces


def _estimated(
    points: Sequence[GradientPoint],
    x_of: Callable[[GradientPoint], float],
    number: int,
    what: str,
) -> list[go.Scatter]:
    """A line with 95 % intervals for each estimator."""
    measured = [(x_of(p), p.estimators) for p in points if p.estimators is not None]
    traces = []
    for name, algorithm, order in ESTIMATORS if measured else ():
        rows = [estimators[name] for _, estimators in measured]
        values = [row.angle if what == "angle" else row.ratio for row in rows]
        ci95 = [row.angle_ci95 if what == "angle" else row.ratio_ci95 for row in rows]
        traces.append(
            go.Scatter(
                name=name,
                x=np.array([x for x, _ in measured], dtype=np.float64),
                y=with_gaps(values),
                error_y={"type": "data", "array": with_gaps(ci95), "thickness": 1, "width": 2},
                mode="lines+markers",
                line={"color": algorithm_color(algorithm, order), "width": 2},
                marker={"size": 4},
                hovertemplate=f"{name}: %{{y:.4g}}<extra></extra>",
                showlegend=False,
                **on(number),
            )
        )
    return traces


def _curvatures(view: GradientView) -> list[go.Scatter]:
    """The largest α·λ of each task over meta-steps, and α·λ of each at every inner step."""
    curved = [point for point in view.points if point.curvature is not None]
    top = _limit(view)[1]
    x = np.array([point.meta_step for point in curved], dtype=np.float64)
    worst = np.array([_worst(p.curvature.alpha_largest) for p in curved if p.curvature])
    traces = [
        _dots(np.repeat(x, len(view.tasks)), worst, view.tasks, top, CURVATURE),
        _median(x, worst, CURVATURE),
    ]
    solved = [point for point in curved if point.theory is not None and point.inner_steps]
    exact = np.array([_worst(p.theory.curvature) for p in solved if p.theory])
    traces.append(_theory([p.meta_step for p in solved], exact, CURVATURE))
    last = view.points[-1] if view.points else None
    values = np.empty((0, len(view.tasks)))
    theory = values
    if last is not None and last.curvature is not None:
        values = numbers_of(last.curvature.alpha_largest).T  # (K, tasks)
        if last.theory is not None:
            theory = numbers_of(last.theory.curvature).T
    steps = np.arange(len(values), dtype=np.float64)
    traces += [
        _dots(np.repeat(steps, len(view.tasks)), values, view.tasks, top, PATH),
        _median(steps, values, PATH),
        _theory(range(len(theory)), theory, PATH),
        _named(steps, values, view.tasks, top),
    ]
    return traces


def _dots(x: Floats, values: Floats, tasks: Sequence[str], top: float, number: int) -> go.Scatter:
    """A dot for each entry of `values`, (…, tasks); beyond the axis a triangle at its end."""
    y, names = values.ravel(), [*tasks] * len(values)
    beyond = y > top
    return go.Scatter(
        name="tasks",
        x=x,
        y=with_gaps(np.where(beyond, top, y)),
        text=[f"{name}: {value:.3g}" for name, value in zip(names, y, strict=True)],
        mode="markers",
        marker={
            "color": AFTER,
            "size": 4,
            "opacity": 0.5,
            "symbol": ["triangle-up" if far else "circle" for far in beyond],
        },
        cliponaxis=False,
        hovertemplate="%{text}<extra></extra>",
        showlegend=False,
        **on(number),
    )


def _median(x: Floats, values: Floats, number: int) -> go.Scatter:
    middle = [_middle(row[np.isfinite(row)]) for row in values]
    return go.Scatter(
        name="median of the tasks",
        x=x,
        y=with_gaps(middle),
        mode="lines+markers" if len(x) < 30 else "lines",
        line={"color": AFTER, "width": 2},
        marker={"size": 4},
        hovertemplate="median: %{y:.3g}<extra></extra>",
        showlegend=False,
        **on(number),
    )


def _theory(x: Sequence[int] | range, values: Floats, number: int) -> go.Scatter:
    return go.Scatter(
        name="theory",
        x=np.array(x, dtype=np.float64),
        y=with_gaps(np.median(values, axis=1) if len(values) else []),
        mode="lines+markers",
        line=THEORY,
        marker={"size": 3},
        hovertemplate="theory, median: %{y:.3g}<extra></extra>",
        showlegend=False,
        **on(number),
    )


def _middle(finite: Floats) -> float:
    return float(np.median(finite)) if len(finite) else np.nan


def _named(steps: Floats, values: Floats, tasks: Sequence[str], top: float) -> go.Scatter:
    """The names of the tasks beyond 2, at the inner step where the worst of them is largest."""
    worst = np.nan_to_num(values, nan=-np.inf).max(0) if len(values) else np.empty(0)
    order = [int(task) for task in np.argsort(-worst) if worst[task] > DIVERGES]
    at = [int(np.argmax(np.nan_to_num(values[:, task], nan=-np.inf))) for task in order[:1]]
    return go.Scatter(
        name="tasks beyond 2",
        x=np.array([steps[k] for k in at]),
        y=np.array([top for _ in at]),
        text=[_listed([tasks[task] for task in order]) for _ in at],
        mode="text",
        textposition=[_beside(k, len(values)) for k in at],
        textfont={"color": TEXT, "size": SMALL},
        cliponaxis=False,
        hoverinfo="skip",
        showlegend=False,
        **on(PATH),
    )


def _beside(step: int, steps: int) -> str:
    """On which side of an inner step there is room for a name."""
    if steps == 1:
        return "top center"
    return "top right" if step < steps / 2 else "top left"


def _legend(theory: bool, compared: Sequence[tuple[str, str, int]]) -> list[go.Scatter]:
    """One entry for each kind of mark, with nothing drawn."""
    line, dot = {"mode": "lines"}, {"mode": "markers"}
    entries: list[tuple[str, dict[str, Any]]] = [
        (name, {**line, "line": {"color": algorithm_color(algorithm, order)}})
        for name, algorithm, order in compared
    ]
    entries.append(("α·λ, median", {**line, "line": {"color": AFTER}}))
    entries.append(("dots: tasks", {**dot, "marker": {"color": BEFORE, "size": 5}}))
    if theory:
        entries.append(("theory", {**line, "line": THEORY}))
    nothing = {"x": [None], "y": [None], "hoverinfo": "skip", **on(ANGLE)}
    return [go.Scatter(name=name, **style, **nothing) for name, style in entries]


def _line(number: int, at: float) -> dict[str, Any]:
    """A horizontal line through a plot."""
    axes = on(number)
    return {
        "type": "line",
        "xref": f"{axes['xaxis']} domain",
        "yref": axes["yaxis"],
        "x0": 0,
        "x1": 1,
        "y0": at,
        "y1": at,
        "line": {"color": BEFORE, "width": 1, "dash": "dash"},
        "label": {
            "text": "2: diverges" if at == DIVERGES else "1: overshoots",
            "textposition": "start",
            "font": {"size": 10, "color": TEXT},
            "yanchor": "bottom",
        },
    }


def _limit(view: GradientView) -> list[float]:
    """The ends of the axis of α·λ: some spikes may lie beyond."""
    values = [
        _worst(point.curvature.alpha_largest)
        for point in view.points
        if point.curvature is not None
    ]
    numbers = np.concatenate(values) if values else np.empty(0)
    numbers = numbers[np.isfinite(numbers)]
    if not len(numbers):
        return [0.0, 2.6]
    high = max(2.6, 1.15 * float(np.quantile(numbers, 0.95)))
    return [min(0.0, 1.1 * float(np.quantile(numbers, 0.02))), high]


def _worst(alpha_largest: Tensor) -> Floats:
    """α·λ of the largest size on each task's path, with its sign, (tasks,)."""
    at = alpha_largest.abs().nan_to_num(nan=-1.0).argmax(1, keepdim=True)
    return numbers_of(alpha_largest.gather(1, at)[:, 0])


def _of_tasks(directions: Any, name: str, what: str) -> Floats:
    measure = directions.angle if what == "angle" else directions.norm_ratio
    return numbers_of(measure(*(("exact", name) if what == "angle" else (name, "exact"))))


def _of_mean(directions: Any, name: str, what: str) -> float:
    if what == "angle":
        return float(directions.mean_angle("exact", name))
    return float(directions.mean_norm_ratio(name, "exact"))


def _listed(names: Sequence[str]) -> str:
    """Names without what their family says of them, cut after a few.

    Example:
        >>> _listed(["task 6 (A 0.25)", "task 10 (A 2.65)"]), _listed(["60°", "0°"])
        ('task 6, 10', '60°, 0°')
    """
    short = [name.partition(" (")[0] for name in names[:MOST_NAMES]]
    text = ", ".join([*short[:1], *(name.removeprefix("task ") for name in short[1:])])
    more = len(names) - len(short)
    return f"{text}, {more} more" if more else text
