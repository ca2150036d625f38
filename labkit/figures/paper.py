"""Methods side by side for several numbers of shots, with the numbers that were published."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from labkit.figures.style import (
    TEXT,
    TRUTH,
    algorithm_color,
    axis,
    band,
    drawable,
    legend,
    log_axis,
    panel_figure,
    title,
)

_COLORS = {
    "maml": algorithm_color("maml"),
    "first_order": algorithm_color("maml", 1),
    "pretrained": algorithm_color("anil"),
    "random": algorithm_color("reptile"),
    "oracle": TEXT,
}
_DASHES = {
    "maml": "solid",
    "first_order": "dash",
    "pretrained": "dot",
    "random": "longdash",
    "oracle": "dashdot",
}
_HEIGHT, _GAP = 330, 0.04


@dataclass(frozen=True, slots=True)
class MethodCurve:
    """The loss of a method over inner steps.

    Attributes:
        method: "maml", "first_order", "pretrained", "random" or "oracle".
        name: For the legend.
        shots: Support points of the test tasks.
        mean: For 0 … K steps, shape (K + 1,).
        ci95: Half the width of its 95 % interval, (K + 1,); nan where there is none.
        published: Steps → number of the paper.
    """

    method: str
    name: str
    shots: int
    mean: NDArray[np.float64]
    ci95: NDArray[np.float64]
    published: dict[int, float]


def paper_figure(
    curves: Sequence[MethodCurve],
    what: str = "mean over seeds, 95 % interval",
    *,
    heading: str = "The paper's sinusoid",
    measure: str = "mean squared error",
) -> go.Figure:
    """A panel for each number of shots, on one logarithmic axis of the loss.

    The axis ends at the largest loss before adaptation: a mean that a few diverging tasks dominate
    leaves it at the top.

    Args:
        curves: At least one; the paper's numbers are drawn as crosses.
        what: What the curves and their bands are, for the title.
        heading: Of the figure.
        measure: What the curves show.

    Raises:
        ValueError: There is no curve.
    """
    if not curves:
        raise ValueError("there is no curve to draw: give at least one")
    shots = sorted({curve.shots for curve in curves})
    share = (1 - _GAP * (len(shots) - 1)) / len(shots)
    published = [np.array(list(curve.published.values())) for curve in curves]
    before = [curve.mean[0] for curve in curves if np.isfinite(curve.mean[0])]
    most = max([*before, *np.concatenate(published)], default=np.inf)
    means = [curve.mean[curve.mean <= most] for curve in curves]
    last = max(len(curve.mean) for curve in curves) - 1
    layout: dict[str, Any] = {
        "yaxis": axis(measure, type="log", **log_axis([*means, *published], free=0.0))
    }
    for number, count in enumerate(shots, start=1):
        start = (number - 1) * (share + _GAP)
        ending = "" if number == 1 else str(number)
        layout[f"xaxis{ending}"] = axis(
            f"inner steps, {count} shots",
            domain=[start, min(start + share, 1.0)],
            range=[-0.3, last + 0.3],
            dtick=2 if last > 5 else 1,
        )
    return panel_figure(
        [trace for curve in curves for trace in _traces(curve, shots.index(curve.shots) + 1, most)],
        title(heading, what),
        height=_HEIGHT,
        hovermode="closest",
        legend=legend(x=0, y=1, yanchor="bottom"),
        **layout,
    )


def _traces(curve: MethodCurve, panel: int, most: float) -> list[go.Scatter]:
    color = _COLORS[curve.method]
    where = {"xaxis": "x" if panel == 1 else f"x{panel}", "legendgroup": curve.method}
    steps = np.arange(len(curve.mean), dtype=np.float64)
    # a logarithmic axis has no place for what is not positive
    drawable_steps = np.isfinite(curve.mean) & np.isfinite(curve.ci95) & (curve.mean > curve.ci95)
    low = drawable((curve.mean - curve.ci95)[drawable_steps], most)
    high = drawable((curve.mean + curve.ci95)[drawable_steps], most)
    traces = [
        band(curve.name, steps[drawable_steps], low, high, color, 0.15, showlegend=False, **where),
        go.Scatter(
            name=curve.name,
            x=steps,
            y=drawable(curve.mean, most),
            mode="lines",
            line={"color": color, "width": 2, "dash": _DASHES[curve.method]},
            hovertemplate=f"{curve.name}: %{{y:.3g}}",
            showlegend=panel == 1,
            **where,
        ),
    ]
    if curve.published:
        traces.append(
            go.Scatter(
                name=f"{curve.name}, published",
                x=list(curve.published),
                y=list(curve.published.values()),
                mode="markers",
                marker={"color": TRUTH, "symbol": "x-thin", "size": 9, "line": {"width": 2}},
                hovertemplate="the paper: %{y:.2f}",
                showlegend=False,
                **where,
            )
        )
    return traces
