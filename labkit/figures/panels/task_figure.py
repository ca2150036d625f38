"""The figure of one task: created for one kind of portrait, then shows others of that kind."""

import html
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import plotly.graph_objects as go
from plotly.basedatatypes import BaseFigure, BaseTraceType

from labkit.figures.panels.curve_task import CurvePanel
from labkit.figures.panels.image_task import ImagePanel
from labkit.figures.panels.map_task import MapPanel
from labkit.figures.panels.path_task import Arrangement, PathPanel
from labkit.figures.style import (
    AFTER,
    BEFORE,
    NARROW,
    SMALL,
    TEXT,
    Drawable,
    Update,
    panel_figure,
    put,
    title,
    whole_title,
)
from labkit.tasks import AnyPortrait, ImagePortrait, PathPortrait, Portrait


class TaskPanel(Protocol):
    """How one kind of portrait is drawn."""

    @property
    def kind(self) -> str:
        """What distinguishes the traces of this panel from those of others."""
        ...

    @property
    def title(self) -> str:
        """The name of the task, next to the panel's title; "" for nothing."""
        ...

    @property
    def attribution(self) -> str:
        """Whose data are shown; "" for nobody's."""
        ...

    def traces(self) -> list[BaseTraceType]:
        """The panel's traces, each on its axes; `updates` fills them."""
        ...

    def layout(self) -> dict[str, Any]:
        """What the panel sets in the figure's layout once, as `update_layout` takes it."""
        ...

    def updates(self) -> list[Update]:
        """All that changes from one portrait to the next."""
        ...


def task_panel(
    portrait: AnyPortrait | None,
    color: str = AFTER,
    y_range: Sequence[float] | None = None,
    arrangement: Arrangement = "overlaid",
) -> TaskPanel:
    """How a portrait is drawn; a new kind of portrait has its line here.

    Args:
        portrait: What is drawn.
        color: That of the algorithm in use.
        y_range: That of the portrait before.
        arrangement: Of the paths of a navigation task.
    """
    match portrait:
        case None:
            return NoPanel()
        case ImagePortrait():
            return ImagePanel(portrait)
        case PathPortrait():
            return PathPanel(portrait, color, arrangement)
        case Portrait(place=None):
            return CurvePanel(portrait, color, y_range)
        case Portrait():
            return MapPanel(portrait, color)


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


HEADING = "One held-out task"

ATTRIBUTION_LINE = 14
"""Height of a line of it, pixels."""

_ATTRIBUTION_LETTERS = int((NARROW - 16) / 6.2)
_KIND = "panel"


def task_figure(
    portrait: AnyPortrait | None = None,
    *,
    editable: bool = False,
    arrangement: Arrangement = "overlaid",
) -> go.Figure:
    """The figure with all its traces and axes, empty; `show_task` fills it.

    Args:
        portrait: One of the family whose tasks will be shown: the figure is made for its kind.
            None makes a figure that says that there is none.
        editable: Whether a browser lets the reader add, move and remove support points, or place
            the goal of a navigation task.
        arrangement: Of the paths of a navigation task.

    Raises:
        ValueError: The support data of such a portrait are no points that could be edited.
    """
    if editable and not isinstance(portrait, Portrait | PathPortrait):
        raise ValueError(
            "editable=True is for regression tasks, whose support points lie on the plane, and "
            "for navigation, whose goal does; leave it out for others"
        )
    panel = task_panel(portrait, arrangement=arrangement)
    goal = isinstance(portrait, PathPortrait)
    figure = panel_figure(
        panel.traces(),
        title(HEADING),
        meta={_KIND: panel.kind, "editable": editable, "goal": goal},
        **panel.layout(),
    )
    _add_attribution(figure, panel.attribution)
    return figure


def show_task(
    figure: Drawable,
    portrait: AnyPortrait | None,
    heading: str = HEADING,
    *,
    color: str = AFTER,
    arrangement: Arrangement = "overlaid",
) -> None:
    """Update the portrait of one task; None leaves the figure as it is.

    Args:
        figure: What `task_figure` has made, or what stands for it.
        portrait: Of the kind that the figure was made for.
        heading: What is before the task's own title.
        color: That of the algorithm in use.
        arrangement: That of the figure.

    Raises:
        ValueError: The figure was made for portraits of another kind.
    """
    if portrait is None:
        return
    panel = task_panel(portrait, color, figure["layout.yaxis.range"], arrangement)
    if isinstance(figure, BaseFigure) and figure.layout.meta[_KIND] != panel.kind:
        raise ValueError(
            f"the portrait shows {panel.kind}, but the figure was made for "
            f"{figure.layout.meta[_KIND]}: make it with task_figure(portrait)"
        )
    first, *others = panel.updates()
    parts = heading, panel.title, _losses(portrait)
    named = {
        **first.layout,
        "title.text": title(*parts),
        "meta": {**(figure["layout.meta"] or {}), "heading": whole_title(*parts)},
    }
    put(figure, [Update(first.first, first.values, named), *others])


def _losses(portrait: AnyPortrait) -> str:
    """What adaptation does to the query loss, or to the return; "" if it is not known."""
    losses = portrait.losses
    if losses is not None and isinstance(portrait, PathPortrait):
        first, last = (_short(-float(value)) for value in losses[[0, -1]])
        return f"return {first} → {last}"
    return "" if losses is None else f"loss {float(losses[0]):.3g} → {float(losses[-1]):.3g}"


def _short(value: float) -> str:
    """A return, in at most five letters where it is not large.

    Example:
        >>> _short(-0.5371), _short(-12.345)
        ('−0.54', '−12.3')
    """
    return f"{value:.{2 if abs(value) < 10 else 1}f}".replace("-", "−")


def _add_attribution(figure: go.Figure, attribution: str) -> None:
    """Below all else, where also a picture of the figure has it."""
    lines = textwrap.wrap(attribution, _ATTRIBUTION_LETTERS)
    if not lines:
        return
    margin = figure.layout.margin
    figure.add_annotation(
        text="<br>".join(html.escape(line, quote=False) for line in lines),
        font={"size": SMALL, "color": TEXT},
        x=0,
        y=0,
        xref="paper",
        yref="paper",
        xanchor="left",
        yanchor="top",
        xshift=8 - margin.l,
        yshift=2 - margin.b,
        align="left",
        showarrow=False,
    )
    room = ATTRIBUTION_LINE * len(lines) + 4
    figure.update_layout(height=figure.layout.height + room, margin_b=margin.b + room)
