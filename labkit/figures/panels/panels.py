"""The task panel for each kind of portrait."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
from plotly.basedatatypes import BaseTraceType

from labkit.figures.panels.image_task import ImagePanel
from labkit.figures.panels.places import PlacePanel
from labkit.figures.panels.task import CurvePanel
from labkit.figures.panels.task_panel import TaskPanel
from labkit.figures.style import AFTER, BEFORE, Update
from labkit.tasks import AnyPortrait, ImagePortrait, Portrait


def task_panel(
    portrait: AnyPortrait | None, color: str = AFTER, shown: Sequence[float] | None = None
) -> TaskPanel:
    """How a portrait is drawn; a new kind of portrait has its line here.

    Args:
        portrait: What is drawn.
        color: That of the algorithm in use.
        shown: The y axis of the portrait before.
    """
    match portrait:
        case None:
            return NoPanel()
        case ImagePortrait():
            return ImagePanel(portrait)
        case Portrait(place=None):
            return CurvePanel(portrait, color, shown)
        case Portrait():
            return PlacePanel(portrait, color)


@dataclass(frozen=True, slots=True)
class NoPanel:
    """Says that there is nothing to see."""

    kind = "no tasks"
    title = ""
    attribution = ""

    def traces(self) -> list[BaseTraceType]:
        """One line of text."""
        return [
            go.Scatter(
                name="nothing",
                x=[0.5],
                y=[0.5],
                text=["This task family does not draw its tasks."],
                mode="text",
                textfont={"color": BEFORE},
                hoverinfo="skip",
                showlegend=False,
            )
        ]

    def layout(self) -> dict[str, Any]:
        """No axes."""
        axis = {"visible": False, "fixedrange": True, "range": [0, 1]}
        return {"xaxis": axis, "yaxis": axis}

    def updates(self) -> list[Update]:
        """Nothing."""
        return []
