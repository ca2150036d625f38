"""A small map next to the curves: where the task lies among the locations of its family."""

import textwrap
from dataclasses import dataclass
from math import cos, radians
from typing import Any

import plotly.graph_objects as go
from plotly.basedatatypes import BaseTraceType

from labkit.figures.panels.curve_task import CurvePanel
from labkit.figures.style import AXIS, SUPPORT, Update
from labkit.tasks import Portrait, TaskLocation

_MARGIN = 4.0
"""Degrees around the outermost places."""


@dataclass(frozen=True, slots=True)
class MapPanel(CurvePanel):
    """Curves at the left, a map at the right."""

    kind = "curves and a map"

    def traces(self) -> list[BaseTraceType]:
        """Those of the curves, all places as dots, and the task's place."""
        axes: dict[str, Any] = {"xaxis": "x2", "yaxis": "y2", "mode": "markers"}
        others = _location(self.portrait).others
        return [
            *CurvePanel.traces(self),
            go.Scatter(
                name="places",
                x=others[:, 0].numpy(),
                y=others[:, 1].numpy(),
                marker={"size": 2, "color": AXIS},
                hoverinfo="skip",
                showlegend=False,
                **axes,
            ),
            go.Scatter(
                name="place",
                marker={"size": 9, "color": SUPPORT, "line": {"color": "white", "width": 1.5}},
                hovertemplate="%{text}<extra></extra>",
                showlegend=False,
                **axes,
            ),
        ]

    def layout(self) -> dict[str, Any]:
        """The map's axes: degrees of equal length on the ground in its middle."""
        others = _location(self.portrait).others
        (west, south), (east, north) = (others.amin(0).tolist(), others.amax(0).tolist())
        hidden = {
            "showticklabels": False,
            "ticks": "",
            "showgrid": False,
            "zeroline": False,
            "showline": True,
            "mirror": True,
            "linecolor": AXIS,
            "fixedrange": True,
            "constrain": "domain",
        }
        return {
            **CurvePanel.layout(self),
            "xaxis_domain": [0, 0.66],
            "xaxis2": {
                "domain": [0.69, 1.0],
                "anchor": "y2",
                "range": [west - _MARGIN, east + _MARGIN],
                "hoverformat": ".1f",
                "ticksuffix": "°",
                **hidden,
            },
            "yaxis2": {
                "anchor": "x2",
                "range": [south - _MARGIN, north + _MARGIN],
                "scaleanchor": "x2",
                "scaleratio": 1 / cos(radians((south + north) / 2)),
                **hidden,
            },
        }

    def updates(self) -> list[Update]:
        """The curves, and the mark on the map."""
        place = _location(self.portrait)
        text = "<br>".join(textwrap.wrap(self.portrait.title, 40))
        mark = {"x": [place.longitude], "y": [place.latitude], "text": [text]}
        curves = CurvePanel.traces(self)
        return [*CurvePanel.updates(self), Update(len(curves) + 1, [mark])]


def _location(portrait: Portrait) -> TaskLocation:
    if portrait.place is None:
        raise ValueError("a map needs a portrait with a place")
    return portrait.place
