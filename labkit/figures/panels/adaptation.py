"""The adaptation curve: query loss or another metric over inner steps on held-out tasks."""

import html
import math
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from labkit.figures.panels.ghosts import AdaptationGhost, check_ghosts, ghost_styles, ghost_traces
from labkit.figures.style import (
    AFTER,
    APART,
    BEFORE,
    MARGIN,
    SMALL,
    TEXT,
    Drawable,
    Update,
    axis,
    cursor,
    drawable,
    figure_meta,
    legend,
    overlay,
    panel_figure,
    put,
    title,
    translucent,
    weakest,
)
from labkit.session import MOST_GHOSTS
from labkit.training import AdaptationCurve, MetricCurve

LOSS = "loss"
HIGHEST = {"accuracy": 1.08, "arrived": 1.08}
"""Where the axis of a measure ends that has a largest value: there is room for a word above it."""

NAMES = {
    "return": "return (higher is better)",
    "arrived": "arrived (higher is better)",
}
"""What a measure is called on its axis, if it is not "query …"."""

GRADIENT_STEPS = "return"
"""With this measure the inner steps are called gradient steps, as in reinforcement learning."""

FARTHEST = 3.0
"""The most that a kept run takes up of the axis, times its loss before adaptation."""

DIVERGED = 100.0
"""A loss before adaptation is off the scale beyond so many times the untrained one."""


@dataclass(frozen=True, slots=True)
class AdaptationPanel:
    """What the panel shows.

    Attributes:
        curve: Now.
        untrained: At meta-step 0.
        inner_steps: The trained K.
        measure: One of `measures`; None takes the first metric of the task family.
        label: Name of what trains, such as that of the algorithm; "" for none.
        color: Its colour, see `algorithm_color`.
        ghosts: Curves to compare with, at most `MOST_GHOSTS`.
        baseline: Value and name of what needs no learning, such as guessing; None for nothing.
            The value is one of `baseline_of`.
        baseline_of: The measure that the baseline is one of.
        measured: On how many of its tasks the curve was measured, if it is estimated from those.
        alpha: α in the settings that the curve was measured with, for whoever reads the figure.

    Raises:
        ValueError: There are too many kept runs, or one does not have the metric that is shown.
    """

    curve: AdaptationCurve
    untrained: AdaptationCurve
    inner_steps: int
    measure: str | None = None
    label: str = ""
    color: str = AFTER
    ghosts: tuple[AdaptationGhost, ...] = ()
    baseline: tuple[float, str] | None = None
    baseline_of: str = "accuracy"
    alpha: float | None = None
    measured: int | None = None

    def __post_init__(self) -> None:
        check_ghosts(self.ghosts)
        for ghost in self.ghosts:
            if self.shown != LOSS and self.shown not in ghost.curve.metrics:
                choices = ", ".join(map(repr, (*ghost.curve.metrics, LOSS)))
                raise ValueError(
                    f"the kept run {ghost.label!r} does not have the measure {self.shown!r}, only "
                    f"{choices}: leave it out or show one of those"
                )

    @property
    def measures(self) -> tuple[str, ...]:
        """What can be shown: the task family's own measures, and the loss."""
        return (*self.curve.metrics, LOSS)

    @property
    def shown(self) -> str:
        """The measure that is shown."""
        return self.measure or self.measures[0]

    @property
    def now(self) -> AdaptationCurve | MetricCurve:
        """The shown measure now."""
        return self.of(self.curve)

    @property
    def before(self) -> AdaptationCurve | MetricCurve:
        """The shown measure at meta-step 0."""
        return self.of(self.untrained)

    def of(self, curve: AdaptationCurve) -> AdaptationCurve | MetricCurve:
        """The shown measure of a curve."""
        return curve if self.shown == LOSS else curve.metrics[self.shown]

    def showing(self, measure: str | None) -> Self:
        """The same with another measure; the first, if there is none of that name.

        The baseline goes with its own measure.
        """
        valid = measure if measure in self.measures else None
        visible = valid or self.measures[0]
        baseline = self.baseline if visible == self.baseline_of else None
        return replace(self, measure=valid, baseline=baseline)


def adaptation_top(panel: AdaptationPanel) -> float:
    """Upper end of the axis: above the curves' start, and steady while training runs."""
    if panel.shown in HIGHEST:
        return HIGHEST[panel.shown]
    start, now = float(panel.before.mean[0]), float(panel.now.mean[0])
    # beyond all bounds it is off the scale, whose numbers would have no room, and the note says so
    values = [start] if now > DIVERGED * start > 0 else [now, start]
    values += [_height(panel.of(ghost.curve)) for ghost in panel.ghosts]
    values += [panel.baseline[0]] if panel.baseline else []
    highest = max((value for value in values if math.isfinite(value)), default=1.0)
    if highest <= 0:
        if (bottom := adaptation_bottom(panel)) == 0:
            return 1.0
        # the word at K has room above a line near 0
        return -0.1 * bottom if panel.baseline else 0.0
    return _rounded(highest)


def adaptation_bottom(panel: AdaptationPanel) -> float:
    """Lower end of the axis: 0, or below the curves' start for a measure such as the return."""
    starts = (panel.before, panel.now, *(panel.of(ghost.curve) for ghost in panel.ghosts))
    values = [float(curve.mean[0]) for curve in starts]
    lowest = min((value for value in values if math.isfinite(value)), default=0.0)
    return -_rounded(-lowest) if lowest < 0 else 0.0


def _rounded(length: float) -> float:
    """A round number that is a fifth more, or somewhat above that."""
    unit = 10.0 ** math.floor(math.log10(length))
    return math.ceil(1.2 * length / unit) * unit


def adaptation_note(panel: AdaptationPanel) -> str:
    """What the axis cannot show: diverged tasks, and a mean that is off the scale."""
    share = float(panel.curve.diverged.max())
    mean = panel.now.mean.numpy()
    off = ~(mean <= adaptation_top(panel))
    notes = []
    if share > 0:
        notes.append(f"{share:.1%} diverge")
    if off.any():
        step = int(np.argmax(off))
        notes.append(f"mean {mean[step]:.2g} at {step}")
    return ", ".join(notes)


def _height(ghost: AdaptationCurve | MetricCurve) -> float:
    """The largest mean of a kept run that does not diverge, which stays as it is."""
    start = float(ghost.mean[0])
    kept = [value for value in ghost.mean.tolist() if value <= FARTHEST * start]
    return max(kept, default=start)


_BAND, _TRAINED, _BASELINE, _UNTRAINED, _GHOSTS = range(1, 6)
_MEDIAN = _GHOSTS + MOST_GHOSTS
"""Where each stands among the traces; the cursor is before them, the mean after."""

_GHOST_LEGENDS, _GHOST_ROW = ("legend2", "legend3"), 19
"""Columns of kept runs' names below the axis, and the height of a row in pixels."""

_COLUMN_LETTERS = 24
"""Of a name that has room in a column next to another one."""

_FIRST = 1
"""Rank in the legend: what trains stands before what it is compared with."""

_NAME = "Held-out tasks"

_MOST_TICKS = 20
"""On the axis of inner steps; three digits side by side are still apart."""


def adaptation_figure() -> go.Figure:
    """The figure with all its traces and axes, empty; `show_adaptation` fills it."""
    columns: dict[str, Any] = {
        name: legend(
            x=i / len(_GHOST_LEGENDS), y=0, yref="container", yanchor="bottom", orientation="v"
        )
        for i, name in enumerate(_GHOST_LEGENDS)
    }
    return panel_figure(
        adaptation_traces(),
        title(_NAME),
        xaxis=axis("inner steps", dtick=1, range=[-0.2, 10.2]),
        yaxis=axis("query loss", range=[0, 5]),
        yaxis2=overlay("y"),
        **columns,
    )


def show_adaptation(figure: Drawable, panel: AdaptationPanel) -> None:
    """Update the adaptation curve."""
    put(figure, adaptation_updates(panel))


def adaptation_traces() -> list[go.Scatter]:
    """The panel's traces, empty; `adaptation_updates` says what each holds."""
    quiet = {"hoverinfo": "skip", "showlegend": False}
    return [
        cursor(),
        go.Scatter(
            name="95 % interval",
            mode="lines",
            line={"width": 0},
            fill="toself",
            fillcolor=translucent(AFTER, 0.18),
            **quiet,
        ),
        go.Scatter(
            name="K trained",
            mode="lines+text",
            yaxis="y2",
            line={"color": BEFORE, "width": 1},
            textfont={"color": TEXT, "size": SMALL},
            **quiet,
        ),
        go.Scatter(
            name="baseline",
            mode="lines",
            line={"color": TEXT, "width": 1, "dash": "solid"},
            hovertemplate="%{y:.3g}",
            visible=False,
        ),
        go.Scatter(
            name="untrained",
            mode="lines",
            line={"color": BEFORE, "width": 1.5, "dash": "dot"},
            hovertemplate="%{y:.3g}",
        ),
        *_ghosts(),
        go.Scatter(
            name="median",
            legendrank=_FIRST + 1,
            mode="lines",
            line={"color": weakest(AFTER), "width": 1.5, "dash": "dash"},
            hovertemplate="%{y:.3g}",
        ),
        go.Scatter(
            name="mean",
            legendrank=_FIRST,
            mode="lines+markers",
            line={"color": AFTER, "width": 2.5},
            marker={"size": 6},
            hovertemplate="%{y:.3g}",
        ),
    ]


def _ghosts() -> list[go.Scatter]:
    """Named in the columns below the axis."""
    return ghost_traces(mode="lines+markers", marker={"size": 6}, legend=_GHOST_LEGENDS[0])


def _columns(panel: AdaptationPanel) -> int:
    """Of names of kept runs: one, if a name is too long for two."""
    longest = max((len(ghost.label) for ghost in panel.ghosts), default=0)
    return len(_GHOST_LEGENDS) if longest <= _COLUMN_LETTERS else 1


def adaptation_updates(panel: AdaptationPanel) -> list[Update]:
    """All that changes from one panel to the next."""
    k, last = panel.inner_steps, len(panel.curve.mean) - 1
    colors = weakest(panel.color), panel.color
    names = "median", html.escape(panel.label, quote=False) or "mean"
    baseline = {"name": "", "visible": False}
    if panel.baseline is not None:
        baseline = {"name": html.escape(panel.baseline[1], quote=False), "visible": True}
    word = {
        "text": ["", f"{APART}K = {k}{APART}"],
        "textposition": "bottom right" if 2 * k <= last else "bottom left",
    }
    return [
        Update(_BAND, adaptation_data(panel), _layout(panel)),
        Update(_BAND, [{"fillcolor": translucent(panel.color, 0.18)}]),
        Update(_TRAINED, [word]),
        Update(_BASELINE, [baseline]),
        Update(
            _GHOSTS,
            [
                {**style, "legend": _GHOST_LEGENDS[i % _columns(panel)]}
                for i, style in enumerate(ghost_styles(panel.ghosts))
            ],
        ),
        Update(
            _MEDIAN,
            [
                {"name": name, "line.color": color}
                for name, color in zip(names, colors, strict=True)
            ],
        ),
    ]


def adaptation_data(panel: AdaptationPanel) -> list[dict[str, NDArray[np.float64]]]:
    """Points for each trace after the cursor, in their order; what is not finite is a gap."""
    top = max(adaptation_top(panel), -adaptation_bottom(panel))
    mean, untrained = drawable(panel.now.mean, top), drawable(panel.before.mean, top)
    ci95 = drawable(panel.now.ci95, top)
    x = np.arange(len(mean), dtype=np.float64)
    finite = np.isfinite(mean) & np.isfinite(ci95)
    # an interval does not leave the axis that a curve is on
    lower, upper = mean - ci95, mean + ci95
    lower = np.where(mean < 0, lower, np.maximum(lower, 0.0))[finite]
    upper = np.where(mean < 0, np.minimum(upper, 0.0), upper)[finite]
    k = float(panel.inner_steps)
    level = panel.baseline[0] if panel.baseline else math.nan
    ghosts = [drawable(panel.of(ghost.curve).mean, top) for ghost in panel.ghosts]
    nothing = {"x": np.empty(0), "y": np.empty(0)}
    return [
        {
            "x": np.concatenate([x[finite], x[finite][::-1]]),
            "y": np.concatenate([upper, lower[::-1]]),
        },
        {"x": np.array([k, k]), "y": np.array([0.0, 1.0])},
        {"x": x, "y": np.full(len(x), level)},
        {"x": x, "y": untrained},
        *({"x": np.arange(len(y), dtype=np.float64), "y": y} for y in ghosts),
        *[nothing] * (MOST_GHOSTS - len(ghosts)),
        {"x": x, "y": drawable(panel.now.median, top)},
        {"x": x, "y": mean},
    ]


def _measured(panel: AdaptationPanel) -> str:
    """What the curve is, and of how many tasks it is estimated if not of all."""
    interval = f"95 % interval of {panel.curve.tasks:,}"
    if panel.measured in (None, panel.curve.tasks):
        return f"mean and {interval}"
    return f"{interval}, estimated from {panel.measured:,}"


def _between_ticks(last: int) -> int:
    """Inner steps from tick to tick: as many as labels have room for."""
    return next((step for step in (1, 2, 5, 10, 20, 50) if last <= _MOST_TICKS * step), 100)


def _layout(panel: AdaptationPanel) -> dict[str, object]:
    note, last = adaptation_note(panel), len(panel.curve.mean) - 1
    rows = math.ceil(len(panel.ghosts) / _columns(panel))
    steps = "gradient steps" if GRADIENT_STEPS in panel.measures else "inner steps"
    return {
        "title.text": title(_NAME, _measured(panel)),
        "xaxis.range": [-0.2, last + 0.2],
        "xaxis.dtick": _between_ticks(last),
        "yaxis.range": [adaptation_bottom(panel), adaptation_top(panel)],
        "yaxis.title.text": NAMES.get(panel.shown, f"query {panel.shown}".replace("_", " ")),
        "xaxis.title.text": f"{steps} (trained: {panel.inner_steps})"
        + (f" · {note}" if note else ""),
        "margin.b": MARGIN["b"] + _GHOST_ROW * rows,
        "meta": figure_meta(alpha=panel.alpha),
    }
