"""Meta-training: loss before and after adaptation, with a mark at every change of a setting."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from labkit.figures.limits import drawable
from labkit.figures.palette import AFTER, BEFORE, CHANGE
from labkit.session.history import Event, TrainingCurve

SYMBOLS = {"alpha": "α", "beta": "β", "inner_steps": "K", "order": "order"}
LARGEST = 1e30
"""Losses that the logarithmic axis can show without trouble."""

NEAR = 0.03
"""Changes nearer to each other than this share of the axis get one mark."""


def training_traces() -> list[go.Scatter]:
    """The panel's traces, empty: before, after, and the marks (on an axis from 0 to 1)."""
    return [
        go.Scatter(
            name="before adaptation",
            mode="lines",
            line={"color": BEFORE, "width": 1.5},
            hovertemplate="%{y:.3g}",
        ),
        go.Scatter(
            name="after adaptation",
            mode="lines",
            line={"color": AFTER, "width": 2},
            hovertemplate="%{y:.3g}",
        ),
        go.Scatter(
            name="changes",
            mode="lines+text",
            line={"color": CHANGE, "width": 1, "dash": "dash"},
            textposition="bottom right",
            textfont={"color": CHANGE, "size": 11},
            hoverinfo="skip",
            showlegend=False,
        ),
    ]


def training_data(
    curve: TrainingCurve, events: Sequence[Event]
) -> list[dict[str, NDArray[np.float64]]]:
    """Points for each trace of `training_traces`, in its order."""
    marks = change_marks(events, _last(curve))
    gap = float("nan")
    return [
        {"x": curve.meta_step, "y": drawable(curve.loss_before, LARGEST)},
        {"x": curve.meta_step, "y": drawable(curve.loss_after, LARGEST)},
        {
            "x": np.array([value for at, _ in marks for value in (at, at, gap)]),
            "y": np.array([value for _ in marks for value in (0.0, 1.0, gap)]),
        },
    ]


def change_labels(curve: TrainingCurve, events: Sequence[Event]) -> dict[str, list[str]]:
    """What the marks of the last trace say, each beside its upper end."""
    marks = change_marks(events, _last(curve))
    return {"text": [text for _, label in marks for text in ("", label, "")]}


def change_marks(events: Sequence[Event], last_step: float) -> list[tuple[float, str]]:
    """Where marks stand and what they say; changes that lie close together share one.

    Example:
        >>> drag = [Event(90, "alpha", 0.02), Event(91, "alpha", 0.05), Event(91, "order", 1)]
        >>> change_marks(drag, 100.0)
        [(90.0, 'α 0.05, order 1')]
    """
    marks: list[tuple[float, dict[str, float]]] = []
    for event in events:
        if not marks or event.meta_step - marks[-1][0] > NEAR * last_step:
            marks.append((float(event.meta_step), {}))
        marks[-1][1][event.name] = event.value
    return [
        (at, ", ".join(f"{SYMBOLS[name]} {value:.3g}" for name, value in values.items()))
        for at, values in marks
    ]


def _last(curve: TrainingCurve) -> float:
    return float(curve.meta_step[-1]) if len(curve.meta_step) else 1.0
