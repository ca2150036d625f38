"""The adaptation curve: query loss or another measure over inner steps on held-out tasks."""

import math
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from labkit.figures.limits import drawable
from labkit.figures.palette import AFTER, BEFORE, MEDIAN, translucent
from labkit.training.evaluation import AdaptationCurve, MetricCurve

LOSS = "loss"
HIGHEST = {"accuracy": 1.0}
"""Where the axis of a measure ends that has a largest value."""


@dataclass(frozen=True, slots=True)
class AdaptationPanel:
    """What the panel shows.

    Attributes:
        curve: Now.
        untrained: At meta-step 0.
        inner_steps: The trained K.
        measure: One of `measures`; None takes the first that the task family has beside the loss.
    """

    curve: AdaptationCurve
    untrained: AdaptationCurve
    inner_steps: int
    measure: str | None = None

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
        return self._of(self.curve)

    @property
    def before(self) -> AdaptationCurve | MetricCurve:
        """The shown measure at meta-step 0."""
        return self._of(self.untrained)

    def _of(self, curve: AdaptationCurve) -> AdaptationCurve | MetricCurve:
        return curve if self.shown == LOSS else curve.metrics[self.shown]


def adaptation_traces() -> list[go.Scatter]:
    """The panel's traces, empty; `adaptation_data` says what each holds."""
    return [
        go.Scatter(
            name="95 % interval",
            mode="lines",
            line={"width": 0},
            fill="toself",
            fillcolor=translucent(AFTER, 0.18),
            hoverinfo="skip",
            showlegend=False,
        ),
        go.Scatter(
            name="untrained",
            mode="lines",
            line={"color": BEFORE, "width": 1.5, "dash": "dot"},
            hovertemplate="%{y:.3g}",
        ),
        go.Scatter(
            name="K trained",
            mode="lines",
            line={"color": BEFORE, "width": 1},
            hoverinfo="skip",
            showlegend=False,
        ),
        go.Scatter(
            name="median",
            mode="lines",
            line={"color": MEDIAN, "width": 1.5, "dash": "dash"},
            hovertemplate="%{y:.3g}",
        ),
        go.Scatter(
            name="mean",
            mode="lines+markers",
            line={"color": AFTER, "width": 2.5},
            marker={"size": 6},
            hovertemplate="%{y:.3g}",
        ),
    ]


def adaptation_data(panel: AdaptationPanel) -> list[dict[str, NDArray[np.float64]]]:
    """Points for each trace of `adaptation_traces`, in its order; what is not finite is a gap."""
    top = adaptation_top(panel)
    mean, untrained = drawable(panel.now.mean, top), drawable(panel.before.mean, top)
    ci95 = drawable(panel.now.ci95, top)
    x = np.arange(len(mean), dtype=np.float64)
    known = np.isfinite(mean) & np.isfinite(ci95)
    lower, upper = np.maximum(mean - ci95, 0.0)[known], (mean + ci95)[known]
    k = float(panel.inner_steps)
    return [
        {
            "x": np.concatenate([x[known], x[known][::-1]]),
            "y": np.concatenate([upper, lower[::-1]]),
        },
        {"x": x, "y": untrained},
        {"x": np.array([k, k]), "y": np.array([0.0, top])},
        {"x": x, "y": drawable(panel.now.median, top)},
        {"x": x, "y": mean},
    ]


def adaptation_top(panel: AdaptationPanel) -> float:
    """Upper end of the axis: above both curves' start, and steady while training runs."""
    if panel.shown in HIGHEST:
        return HIGHEST[panel.shown]
    starts = (float(panel.now.mean[0]), float(panel.before.mean[0]))
    highest = max((start for start in starts if math.isfinite(start)), default=1.0)
    if highest <= 0:
        return 1.0
    unit = 10.0 ** math.floor(math.log10(highest))
    return math.ceil(1.2 * highest / unit) * unit


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
