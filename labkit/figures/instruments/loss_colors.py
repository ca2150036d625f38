"""Colours of losses, one scale for several plots."""

from collections.abc import Sequence

import numpy as np

from labkit.figures.instruments.values import Floats, with_gaps
from labkit.figures.style import SMALL, TEXT

LOW, MIDDLE, HIGH = "#fbfdff", "#a8c8e8", "#4479b3"
"""Colours of the losses, on any paper: lines in dark and in white stand out from all of them."""

LINES = 12
"""Lines of equal loss."""

MOST_TICKS = 8

EVEN_DECADES = 1.3
"""So many decades at most have evenly spaced numbers, not powers of ten."""

USUAL = 0.97
"""The colours end at this quantile of the losses: few spikes must not hide the rest."""


class LossColors:
    """Colours of losses: of their logarithms where all are above 0."""

    def __init__(self, parts: Sequence[Floats]) -> None:
        values = np.concatenate([part[np.isfinite(part)] for part in parts])
        self._log = bool(len(values)) and bool((values > 0).all())
        heights = self.heights(values) if len(values) else np.array([0.0, 1.0])
        low, high = float(heights.min()), float(np.quantile(heights, USUAL))
        if not high > low:
            high = low + 1.0
        ticks = _ticks(low, high, log=self._log)
        self.lines = {"start": low, "end": high, "size": (high - low) / LINES}
        self.axis = {
            "cmin": low,
            "cmax": high,
            "colorscale": [[0.0, LOW], [0.5, MIDDLE], [1.0, HIGH]],
            "colorbar": {
                "title": {"text": "loss", "font": {"size": SMALL, "color": TEXT}},
                "tickvals": ticks,
                "ticktext": [_words(10**t if self._log else t) for t in ticks],
                "tickfont": {"size": SMALL, "color": TEXT},
                "thickness": 12,
                "outlinewidth": 0,
                "x": 1.01,
                "xanchor": "left",
                "len": 1,
                "y": 0.5,
            },
        }

    def heights(self, values: Floats) -> Floats:
        """What the colours stand for; nan for gaps."""
        finite = with_gaps(values)
        if not self._log:
            return finite
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.log10(finite)


def _ticks(low: float, high: float, *, log: bool) -> list[float]:
    """A few round numbers on a scale; on one of logarithms those of the losses."""
    if not log:
        return _round_numbers(low, high)
    if high - low < EVEN_DECADES:
        return [float(np.log10(loss)) for loss in _round_numbers(10**low, 10**high)]
    decades = range(int(np.floor(low)), int(np.ceil(high)) + 1)
    every = -(-len(decades) // MOST_TICKS)
    digits = (1, 3) if len(decades) <= MOST_TICKS / 2 else (1,)
    ticks = [float(np.log10(d * 10.0**e)) for e in decades[::every] for d in digits]
    return [tick for tick in ticks if low <= tick <= high]


def _round_numbers(low: float, high: float) -> list[float]:
    """From three to eight multiples of 1, 2 or 5 times a power of ten."""
    power = 10.0 ** np.floor(np.log10((high - low) / 3))
    step = next(d * power for d in (5, 2, 1) if (high - low) / (d * power) >= 3)
    numbers = step * np.arange(np.ceil(low / step), np.floor(high / step) + 1)
    return [float(number) for number in numbers]


def _words(loss: float) -> str:
    """A number in few letters.

    Example:
        >>> _words(0.25), _words(3e10), _words(1e-7)
        ('0.25', '3e10', '1e-7')
    """
    return f"{loss:.3g}".replace("e+0", "e").replace("e+", "e").replace("e-0", "e-")
