"""The figure of one task: made for one kind of portrait, then shown others of that kind."""

import html
import textwrap

import plotly.graph_objects as go
from plotly.basedatatypes import BaseFigure

from labkit.figures.panels.panels import task_panel
from labkit.figures.style import (
    AFTER,
    NARROW,
    SMALL,
    TEXT,
    Drawable,
    Update,
    panel_figure,
    put,
    title,
)
from labkit.tasks import AnyPortrait, Portrait

HEADING = "One held-out task"

ATTRIBUTION_LINE = 14
"""Height of a line of it, pixels."""

_ATTRIBUTION_LETTERS = int((NARROW - 16) / 6.2)
_KIND = "panel"


def task_figure(portrait: AnyPortrait | None = None, *, editable: bool = False) -> go.Figure:
    """The figure with all its traces and axes, empty; `show_task` fills it.

    Args:
        portrait: One of the family whose tasks will be shown: the figure is made for its kind.
            None makes a figure that says that there is none.
        editable: Whether a browser lets the reader add, move and remove support points.

    Raises:
        ValueError: The support data of such a portrait are no points that could be edited.
    """
    if editable and not isinstance(portrait, Portrait):
        raise ValueError(
            "editable=True is for regression tasks, whose support points lie on the plane; leave "
            "it out for others"
        )
    panel = task_panel(portrait)
    figure = panel_figure(
        panel.traces(),
        title(HEADING),
        meta={_KIND: panel.kind, "editable": editable},
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
) -> None:
    """Update the portrait of one task; None leaves the figure as it is.

    Args:
        figure: What `task_figure` has made, or what stands for it.
        portrait: Of the kind that the figure was made for.
        heading: What is before the task's own title.
        color: That of the algorithm in use.

    Raises:
        ValueError: The figure was made for portraits of another kind.
    """
    if portrait is None:
        return
    panel = task_panel(portrait, color, figure["layout.yaxis.range"])
    if isinstance(figure, BaseFigure) and figure.layout.meta[_KIND] != panel.kind:
        raise ValueError(
            f"the portrait shows {panel.kind}, but the figure was made for "
            f"{figure.layout.meta[_KIND]}: make it with task_figure(portrait)"
        )
    first, *others = panel.updates()
    named = {**first.layout, "title.text": title(heading, panel.title)}
    put(figure, [Update(first.first, first.values, named), *others])


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
