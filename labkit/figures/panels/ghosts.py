"""Kept runs: curves of other runs or settings, drawn with the live one to compare with."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import plotly.graph_objects as go

from labkit.session import MOST_GHOSTS
from labkit.training import AdaptationCurve

Curve = TypeVar("Curve")

DASHES = ("dash", "dashdot", "longdash", "8px,3px,2px,3px,2px,3px", "4px,2px", "longdashdot")
MARKERS = ("circle-open", "square-open", "diamond-open", "triangle-up-open", "x-thin-open", "star")
"""The first of one colour has the first of each, the second the second."""

_LETTERS = 24
"""Of a name in the legend."""


@dataclass(frozen=True, slots=True)
class GhostCurve(Generic[Curve]):
    """A curve that stays while the live one moves on.

    Attributes:
        label: What it is, such as the name of an algorithm and a setting.
        color: That of its algorithm.
        curve: An `AdaptationCurve` or a `TrainingCurve`.
    """

    label: str
    color: str
    curve: Curve


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
    styles = []
    for i, ghost in enumerate(ghosts):
        same = sum(other.color == ghost.color for other in ghosts[:i])
        styles.append(_style(_short(ghost.label), ghost.color, same, visible=True))
    unused = [_style("", "", 0, visible=False)] * (MOST_GHOSTS - len(ghosts))
    return styles + unused


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
