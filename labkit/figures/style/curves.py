"""Curves as a browser can draw them: gaps and limits, bands, and a logarithmic axis for losses."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from labkit.figures.style.palette import translucent

FAR = 100.0


def drawable(values: ArrayLike, limit: float) -> NDArray[np.float64]:
    """Values as float64, with gaps where they are not finite.

    Args:
        values: Numbers of any size.
        limit: The largest magnitude that an axis shows, > 0. What is beyond `FAR` times that is
            cut there, out of sight: plotly.js fails on coordinates of 1e200.

    Example:
        >>> drawable([1.0, float("inf"), -1e200], limit=5.0).tolist()
        [1.0, nan, -500.0]
    """
    numbers = np.asarray(values, dtype=np.float64)
    finite = np.where(np.isfinite(numbers), numbers, np.nan)
    cut: NDArray[np.float64] = np.clip(finite, -FAR * limit, FAR * limit)
    return cut


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


_BEYOND = 1.5
"""Decades from the middle of the losses to the end of an axis, at least; and times the decades from
the middle down to the lowest tenth."""

_BELOW = 3.0
"""The same downwards."""


def usual_limits(
    losses: Sequence[NDArray[np.float64]], *, start: NDArray[np.float64]
) -> tuple[float, float]:
    """Between which limits losses are, but for a few spikes: an axis ends there.

    Args:
        losses: Those in view.
        start: Losses that are on the axis, whatever follows.

    Example:
        >>> usual_limits([np.array([4.0, 2.0, 1e18, 1.0])], start=np.array([4.0]))[1] < 1e4
        True
        >>> usual_limits([np.array([40.0, 0.1, 0.1, 0.1])], start=np.array([40.0]))[1] >= 40.0
        True
    """
    logs = np.log10(np.concatenate([loss[loss > 0] for loss in losses]))
    if not len(logs):
        return 0.0, np.inf
    low, middle, high = np.quantile(logs, [0.1, 0.5, 0.9])
    first = np.log10(start[start > 0])
    above = max(middle + _BEYOND * max(1.0, 2 * (middle - low)), *first, -np.inf)
    below = min(middle - _BELOW * max(1.0, high - middle), *first, np.inf)
    return float(10.0**below), float(10.0**above) * (1 + 1e-9)  # logarithms are rounded


MOST_NUMBERS = 7
"""On the axis of a low panel."""

_STEP = 0.1
"""Of the range, in decades: an axis that moves with every point is hard to read, and as hard to
draw."""

_IN_A_DECADE = ((1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8), (1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1,))


def log_axis(losses: Sequence[NDArray[np.float64]], *, free: float) -> dict[str, object]:
    """Range and numbers, as properties of a logarithmic axis.

    plotly's own ticks between powers of ten have letters of three quarters of the size.

    Args:
        losses: What must be on the axis; what is not positive cannot be.
        free: Share of the axis above them that stays free, 0 … 0.6.

    Example:
        >>> axis = log_axis([np.array([0.9, 2.2])], free=0.0)
        >>> axis["ticktext"]
        ['0.8', '1', '1.2', '1.5', '2', '2.5']
    """
    logs = np.log10(np.concatenate([loss[loss > 0] for loss in losses]))
    low, high = (float(logs.min()), float(logs.max())) if len(logs) else (-1.0, 1.0)
    room = max(high - low, 0.1)
    low = _STEP * float(np.floor((low - 0.06 * room) / _STEP))
    high = _STEP * float(np.ceil((high + 0.06 * room) / _STEP))
    high += (high - low) * free / (1 - free)
    numbers = _numbers(low, high)
    return {
        "range": [low, high],
        "tickvals": numbers,
        "ticktext": [_short(number) for number in numbers],
    }


def _short(number: float) -> str:
    """In five letters at most, for which there is room next to the axis.

    Example:
        >>> _short(1.5), _short(1000.0), _short(20000.0), _short(1e-5)
        ('1.5', '1000', '2e4', '1e-5')
    """
    if 1e-3 < number < 1e4:
        return f"{number:.4g}"
    digits, _, power = f"{number:.1e}".partition("e")
    return f"{float(digits):g}e{int(power)}"


def _numbers(low: float, high: float) -> list[float]:
    """As many round numbers as have room, from logarithm to logarithm."""
    decades = range(int(np.floor(low)), int(np.ceil(high)) + 1)
    for digits in _IN_A_DECADE:
        numbers = [digit * 10.0**decade for decade in decades for digit in digits]
        numbers = [number for number in numbers if low <= np.log10(number) <= high]
        if 2 <= len(numbers) <= MOST_NUMBERS:
            return numbers
    return numbers[:: -(-len(numbers) // MOST_NUMBERS) or 1]
