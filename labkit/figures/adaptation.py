"""The adaptation curve: query loss over inner steps on held-out tasks."""

import math
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from labkit.figures.limits import drawable
from labkit.figures.palette import AFTER, BEFORE, MEDIAN, translucent
from labkit.training.evaluation import AdaptationCurve


@dataclass(frozen=True, slots=True)
class AdaptationPanel:
    """What the panel shows: the curve now, the curve at meta-step 0, and the trained K."""

    curve: AdaptationCurve
    untrained: AdaptationCurve
    inner_steps: int


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
    mean, untrained = drawable(panel.curve.mean, top), drawable(panel.untrained.mean, top)
    ci95 = drawable(panel.curve.ci95, top)
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
        {"x": x, "y": drawable(panel.curve.median, top)},
        {"x": x, "y": mean},
    ]


def adaptation_top(panel: AdaptationPanel) -> float:
    """Upper end of the loss axis: above both curves' start, and steady while training runs."""
    starts = (float(panel.curve.mean[0]), float(panel.untrained.mean[0]))
    highest = max((start for start in starts if math.isfinite(start)), default=1.0)
    if highest <= 0:
        return 1.0
    unit = 10.0 ** math.floor(math.log10(highest))
    return math.ceil(1.2 * highest / unit) * unit


def adaptation_note(panel: AdaptationPanel) -> str:
    """What the axis cannot show: diverged tasks, and a mean that is off the scale."""
    share = float(panel.curve.diverged.max())
    mean = panel.curve.mean.numpy()
    off = ~(mean <= adaptation_top(panel))
    notes = []
    if share > 0:
        notes.append(f"{share:.1%} diverge")
    if off.any():
        step = int(np.argmax(off))
        notes.append(f"mean {mean[step]:.2g} at {step}")
    return ", ".join(notes)
