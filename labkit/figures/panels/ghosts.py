"""Kept runs: curves of other runs or settings, drawn with the live one to compare with."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import plotly.graph_objects as go

from labkit.figures.panels.stretches import Stretch
from labkit.session import MOST_GHOSTS
from labkit.training import AdaptationCurve

Curve = TypeVar("Curve")

DASHES = ("dash", "dashdot", "longdash", "8px,3px,2px,3px,2px,3px", "4px,2px", "longdashdot")
MARKERS = ("circle-open", "square-open", "diamond-open", "triangle-up-open", "x-thin-open", "star")
"""Of runs that share a colour each has its own, in all its stretches."""

_LETTERS = 50
"""Of a name in a legend as wide as a narrow figure."""


@dataclass(frozen=True, slots=True)
class GhostCurve(Generic[Curve]):
    """A curve that stays while the live one moves on.

    Attributes:
        label: What it is, such as the name of an algorithm and a setting.
        color: That of its algorithm.
        curve: An `AdaptationCurve` or a `TrainingCurve`.
        stretches: Which algorithm made which of its losses; () for that of its colour.
    """

    label: str
    color: str
    curve: Curve
    stretches: tuple[Stretch, ...] = ()

    @property
    def colors(self) -> set[str]:
        """Those of all its algorithms."""
        return {self.color, *(stretch.color for stretch in self.stretches)}


AdaptationGhost = GhostCurve[AdaptationCurve]


def check_ghosts(ghosts: Sequence[GhostCurve[Any]]) -> None:
    """Reject more kept runs than a panel has traces for.

    Raises:
        ValueError: There are too many.
    """
    if len(ghosts) > MOST_GHOSTS:
        raise ValueError(
            f"a panel shows at most {MOST_GHOSTS} kept runs, got {len(ghosts)}: leave some out"
        )


def ghost_traces(**properties: Any) -> list[go.Scatter]:
    """Hidden traces for as many kept runs as there may be."""
    return [
        go.Scatter(
            name=f"kept run {i + 1}",
            line={"width": 1.5},
            hovertemplate="%{y:.3g}",
            visible=False,
            **properties,
        )
        for i in range(MOST_GHOSTS)
    ]


def ghost_styles(ghosts: Sequence[GhostCurve[Any]]) -> list[dict[str, Any]]:
    """Name, colour, dashes, marker and whether it shows, for each trace of `ghost_traces`."""
    numbers: list[int] = []
    for ghost in ghosts:
        pairs = zip(ghosts, numbers, strict=False)
        used = {number for other, number in pairs if other.colors & ghost.colors}
        numbers.append(next(number for number in range(MOST_GHOSTS) if number not in used))
    styles = [
        _style(_short(ghost.label), ghost.color, number, visible=True)
        for ghost, number in zip(ghosts, numbers, strict=True)
    ]
    return styles + [hidden_style()] * (MOST_GHOSTS - len(ghosts))


def hidden_style() -> dict[str, Any]:
    """That of a trace which no kept run needs."""
    return _style("", "", 0, visible=False)


def _style(name: str, color: str, number: int, *, visible: bool) -> dict[str, Any]:
    return {
        "name": name,
        "line.color": color or None,
        "line.dash": DASHES[number],
        "marker.symbol": MARKERS[number],
        "visible": visible,
    }


def _short(label: str) -> str:
    """As much as has room; the number of meta-steps at its end, behind a point, stays."""
    head, point, number = label.rpartition(" · ")
    if not point:
        head, number = label, ""
    most = _LETTERS - len(point + number)
    if len(head) > most:
        head = head[: most - 1] + "…"
    return html.escape(head + point + number, quote=False)
