"""One task: the true function, the support points, and the model after each inner step."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.basedatatypes import BaseTraceType

from labkit.figures.style import (
    AFTER,
    BEFORE,
    SUPPORT,
    TINTS,
    TRUTH,
    Update,
    axis,
    drawable,
    step_colors,
)
from labkit.tasks import Portrait

STEP_TRACES_AT = 2
"""Where the curves after inner steps stand among the panel's traces: after true and before."""

_ROOM = 0.1
"""Beyond the task itself, as a share of what it takes up."""

_SPARE = 2
"""An axis that is there already may be so many times as long as the one that is wanted."""

MOST_STEPS = TINTS
"""Curves after inner steps that one panel can tell apart; of more, evenly spaced ones are drawn."""


@dataclass(frozen=True, slots=True)
class CurvePanel:
    """A regression task, as curves over x; the last of the model's has the given colour.

    `y_range` is that of the portrait before, if there was one.
    """

    portrait: Portrait
    color: str = AFTER
    y_range: Sequence[float] | None = None

    kind = "curves"

    @property
    def title(self) -> str:
        """What task this is."""
        return self.portrait.title

    @property
    def attribution(self) -> str:
        """Whose data these are."""
        return self.portrait.attribution

    def traces(self) -> list[BaseTraceType]:
        """Those of `task_traces`; of what is not known, none is in the legend."""
        traces = task_traces()
        traces[0].showlegend = _known(self.portrait)
        return traces

    def layout(self) -> dict[str, Any]:
        """Plain axes."""
        return {"xaxis": axis("x", hoverformat=".3g"), "yaxis": axis("y")}

    def updates(self) -> list[Update]:
        """Curves, support points, the styles of the curves, and the axes."""
        axes = {
            "yaxis.range": steady_range(task_range(self.portrait), self.y_range),
            "xaxis.title.text": self.portrait.x_label,
            "yaxis.title.text": self.portrait.y_label,
        }
        return [
            Update(0, task_data(self.portrait), axes),
            Update(STEP_TRACES_AT, step_styles(self.portrait, self.color)),
        ]


def task_traces() -> list[go.Scatter]:
    """The panel's traces, empty; `task_data` says what each holds."""
    steps = [
        go.Scatter(
            name=f"step {i + 1}",
            mode="lines",
            line={"width": 1.5},
            hovertemplate="%{y:.3g}",
            showlegend=False,
        )
        for i in range(MOST_STEPS)
    ]
    return [
        go.Scatter(
            name="true",
            mode="lines",
            line={"color": TRUTH, "width": 1.5},
            hovertemplate="%{y:.3g}",
        ),
        go.Scatter(
            name="before",
            mode="lines",
            line={"color": BEFORE, "width": 1.5, "dash": "dot"},
            hovertemplate="%{y:.3g}",
            meta={"inner_step": 0},
        ),
        *steps,
        go.Scatter(
            name="support",
            mode="markers",
            marker={"color": SUPPORT, "size": 8, "line": {"color": "white", "width": 1}},
            hovertemplate="%{y:.3g}",
            meta={"support": True},
        ),
    ]


def task_data(portrait: Portrait) -> list[dict[str, NDArray[np.float64]]]:
    """Points for each trace of `task_traces`, in its order; unused step curves are empty."""
    limit = _limit(portrait)
    x = drawable(portrait.x, np.inf)
    curves = [drawable(portrait.predictions[step], limit) for step in steps_drawn(portrait)]
    nothing = {"x": np.empty(0), "y": np.empty(0)}
    return [
        {"x": x, "y": drawable(portrait.truth, limit)} if _known(portrait) else nothing,
        {"x": x, "y": drawable(portrait.predictions[0], limit)},
        *({"x": x, "y": y} for y in curves),
        *[nothing] * (MOST_STEPS - len(curves)),
        {"x": drawable(portrait.support_x, np.inf), "y": drawable(portrait.support_y, limit)},
    ]


def task_range(portrait: Portrait) -> list[float]:
    """The y axis: all curves, but no more than three times what the task itself takes up.

    It stays while the curves move a little: beyond the task it extends by a quarter of what
    that takes up, or by a half, the whole, twice that, …
    """
    limit = _limit(portrait)
    curves = [d["y"] for d in task_data(portrait)]
    own = np.concatenate([curves[0], curves[-1]])  # the true function and the support points
    ys = np.clip(np.concatenate(curves), -limit, limit)
    low, high = float(np.nanmin(own)), float(np.nanmax(own))
    size = high - low or limit
    low, high = low - _ROOM * size, high + _ROOM * size
    beyond = (low - float(np.nanmin(ys)), float(np.nanmax(ys)) - high)
    below, above = (size * _doubled(length / size) for length in beyond)
    return [low - below, high + above]


def steady_range(needed: list[float], current: Sequence[float] | None) -> list[float]:
    """The axis that is shown, as long as it has all that is needed, and not much more.

    Example:
        >>> steady_range([-1.0, 1.0], [-1.5, 1.0]), steady_range([-1.0, 1.0], [-4.0, 1.0])
        ([-1.5, 1.0], [-1.0, 1.0])
    """
    if current is None:
        return needed
    low, high = map(float, current)
    spare = (high - low) / (needed[1] - needed[0])
    return [low, high] if low <= needed[0] and needed[1] <= high and spare <= _SPARE else needed


def _doubled(least: float) -> float:
    """The first of 0, 1/4, 1/2, 1, 2, … that is not less.

    Example:
        >>> _doubled(-0.1), _doubled(0.1), _doubled(0.7)
        (0.0, 0.25, 1.0)
    """
    return 0.0 if least <= 0 else max(0.25, 2.0 ** math.ceil(math.log2(least)))


def _limit(portrait: Portrait) -> float:
    heights = [portrait.support_y, portrait.truth] if _known(portrait) else [portrait.support_y]
    return 3 * max(float(y.abs().max()) for y in heights) or 1.0


def _known(portrait: Portrait) -> bool:
    """Whether there is a true function."""
    return portrait.truth.shape == portrait.x.shape


def step_styles(portrait: Portrait, color: str = AFTER) -> list[dict[str, Any]]:
    """Name, colour, inner step and whether it shows, for each of the `MOST_STEPS` curves."""
    return styles_of(steps_drawn(portrait), color)


def styles_of(steps: list[int], color: str = AFTER) -> list[dict[str, Any]]:
    """The same for curves after these inner steps."""
    styles: list[dict[str, Any]] = [
        {
            "name": f"step {step}",
            "line.color": tint,
            "meta": {"inner_step": step},
            "showlegend": step == steps[-1],
            "visible": True,
        }
        for step, tint in zip(steps, step_colors(len(steps), color), strict=True)
    ]
    unused = {
        "name": "",
        "line.color": BEFORE,
        "meta": {},
        "showlegend": False,
        "visible": False,
    }
    return styles + [unused] * (MOST_STEPS - len(steps))


def steps_drawn(portrait: Portrait) -> list[int]:
    """Inner steps whose curves are drawn: all, or `MOST_STEPS` evenly spaced with the last."""
    return spread_steps(len(portrait.predictions) - 1)


def spread_steps(last: int, most: int = MOST_STEPS) -> list[int]:
    """The numbers 1 … last, or `most` of them, evenly spaced with the last."""
    count = min(last, most)
    return [round(last * (i + 1) / count) for i in range(count)]
