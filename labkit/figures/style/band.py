"""A 95 % interval along a curve, as a filled outline."""

from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from labkit.figures.style.palette import translucent


def band(
    name: str,
    x: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    color: str,
    opacity: float,
    **more: Any,
) -> go.Scatter:
    """The trace of an interval.

    Args:
        name: Of the curve that it belongs to.
        x: Finite, (points,).
        low: Lower end, finite, (points,).
        high: Upper end, finite, (points,).
        color: Of the curve.
        opacity: 0 … 1.
        more: Other properties of the trace.

    Example:
        >>> x = np.arange(2.0)
        >>> band("MAML", x, x, x + 1, "#0072b2", 0.1).y
        array([1., 2., 1., 0.])
    """
    return go.Scatter(
        name=name,
        x=np.concatenate([x, x[::-1]]),
        y=np.concatenate([high, low[::-1]]),
        mode="lines",
        line={"width": 0},
        fill="toself",
        fillcolor=translucent(color, opacity),
        hoverinfo="skip",
        **more,
    )
