"""Stretches of a run by one algorithm each, and the part of a curve that each has made."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labkit.figures.style import AFTER, COLORS

Floats = NDArray[np.float64]
Line = dict[str, Floats]
"""Points of a trace, x and y."""

MOST_EARLIER = len(COLORS) - 1
"""Colours of algorithms, apart from the one in use."""

NOTHING: Line = {"x": np.empty(0), "y": np.empty(0)}


@dataclass(frozen=True, slots=True)
class Stretch:
    """Meta-steps by one algorithm, up to the next stretch.

    Attributes:
        begin: Meta-steps before it.
        color: That of the algorithm, one of `COLORS`.
        name: Of the algorithm.
    """

    begin: int
    color: str = AFTER
    name: str = ""


def by_algorithm(
    x: Floats, losses: Floats, meta_step: Floats, stretches: Sequence[Stretch]
) -> tuple[Line, dict[Stretch, Line]]:
    """Points of the algorithm in use, and of each other one by its first stretch.

    Args:
        x: Of the points, (points,).
        losses: Heights of the points, (points,).
        meta_step: When each was measured, (points,).
        stretches: The first from meta-step 0 on; the last is in use.

    Example:
        >>> steps = np.array([10.0, 20.0, 30.0])
        >>> now, earlier = by_algorithm(
        ...     steps, steps / 10, steps, [Stretch(0, "#1"), Stretch(20, "#2")]
        ... )
        >>> now["y"], [line["y"] for line in earlier.values()]
        (array([nan,  2.,  3.]), [array([1., 2.])])
    """
    begins = np.array([stretch.begin for stretch in stretches], dtype=np.float64)
    made_by = np.maximum(np.searchsorted(begins, meta_step, side="left") - 1, 0)
    by_color: dict[str, tuple[Stretch, Floats]] = {}
    for number, stretch in enumerate(stretches):
        own = np.flatnonzero(made_by == number)
        if not len(own):
            continue
        _, points = by_color.setdefault(stretch.color, (stretch, np.full(len(losses), np.nan)))
        own = np.arange(max(own[0] - 1, 0), own[-1] + 1)  # joined to the stretch before
        points[own] = losses[own]
    ends = {color: np.flatnonzero(~np.isnan(y)) for color, (_, y) in by_color.items()}
    curves = {
        stretch: {"x": x[: ends[color][-1] + 1], "y": y[: ends[color][-1] + 1]}
        for color, (stretch, y) in by_color.items()
        if len(ends[color])
    }
    used = [stretch for stretch in curves if stretch.color == stretches[-1].color]
    now = curves.pop(used[0]) if used else NOTHING
    return now, curves
