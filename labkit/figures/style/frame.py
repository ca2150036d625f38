"""The parts that the lab's figures share: updates, margins, fonts, axes, legends, cursors."""

import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import plotly.graph_objects as go
from plotly.basedatatypes import BaseTraceType

from labkit.figures.style.palette import AXIS, GRID, TEXT


class Drawable(Protocol):
    """A figure that can be updated: plotly's own, or one that stands for it in a browser."""

    def plotly_update(
        self,
        restyle_data: dict[str, list[Any]],
        relayout_data: dict[str, Any],
        trace_indexes: list[int],
    ) -> None:
        """Set properties of traces, one value for each of them, and of the layout."""
        ...

    def __getitem__(self, path: str) -> Any:
        """A property of the layout, such as `layout.yaxis.range`; None if it is not set."""
        ...


@dataclass(frozen=True, slots=True)
class Update:
    """New values for consecutive traces of a figure, and for its layout.

    Attributes:
        first: Number of the first trace.
        values: The same properties for each trace: what one message sets for some of its traces
            only is lost for the others (plotly 7.1).
        layout: Property of the figure's layout, with dots, → value.
    """

    first: int
    values: Sequence[Mapping[str, Any]]
    layout: Mapping[str, Any] = field(default_factory=dict)


def put(figure: Drawable, updates: Iterable[Update]) -> None:
    """Send each update in one message."""
    for update in updates:
        figure.plotly_update(
            restyle_data={
                name: [trace[name] for trace in update.values] for name in update.values[0]
            },
            relayout_data=dict(update.layout),
            trace_indexes=list(range(update.first, update.first + len(update.values))),
        )


PANEL_HEIGHT, TRAINING_HEIGHT = 302, 204
"""Pixels of a whole figure, title and axes included."""

TITLE_HEIGHT = 30
"""Pixels of the margin above that the title takes: a page that has it elsewhere cuts them off."""

NARROW = 430
"""Least width in pixels for which titles, labels and legends are made."""

MARGIN = {"l": 52, "r": 12, "t": TITLE_HEIGHT + 24, "b": 42}
SMALL = 11
"""Size of the smallest letters, pixels."""

FONT = "system-ui, 'DejaVu Sans', sans-serif"
MOST_LETTERS = 56
"""Of a title, in a figure of `NARROW` pixels."""

APART = "\u00a0"
"""Between a vertical line and the letters next to it."""

CURSOR_AT = 0
"""The index of the cursor among the traces of the figures that have one."""


def panel_figure(
    traces: Sequence[BaseTraceType],
    title: str,
    *,
    height: float = PANEL_HEIGHT,
    meta: Mapping[str, object] | None = None,
    **layout: Any,
) -> go.Figure:
    """A figure of one panel, with all its traces, empty.

    Args:
        traces: Each on its axes.
        title: As `title` gives it.
        height: Pixels, margins included.
        meta: What a browser gets in addition to the height of the title.
        layout: What differs from other panels.
    """
    figure = go.Figure(list(traces))
    figure.update_layout(
        template="none",
        height=height,
        meta=figure_meta(**(meta or {})),
        autosize=True,
        # fixed: a legend that pushes the margins makes plotly.js 4.1 draw axes at NaN for a moment
        margin={**MARGIN, "autoexpand": False},
        font={"family": FONT, "size": 12, "color": TEXT},
        title={
            "text": title,
            "font": {"size": 13, "color": TEXT},
            "x": 0,
            "xref": "container",
            "xanchor": "left",
            "y": 1,
            "yref": "container",
            "yanchor": "top",
            "pad": {"l": 8, "t": 8},
        },
        hovermode="x unified",
        uirevision="lab",  # keep the zoom across updates
        legend=legend(x=0, y=1, yanchor="bottom"),
    )
    figure.update_layout(**layout)
    return figure


def figure_meta(**entries: object) -> dict[str, object]:
    """What a browser gets with a figure: `entries`, and the height of the title.

    Example:
        >>> figure_meta(editable=True)
        {'editable': True, 'title_height': 30}
    """
    return {**entries, "title_height": TITLE_HEIGHT}


def title(panel: str, what: str = "", ending: str = "") -> str:
    """The panel's name and what it shows, cut to what a narrow figure has room for.

    Args:
        panel: Its name.
        what: Is cut where it is too long.
        ending: Stays whole.

    Example:
        >>> title("Meta-training"), title("One task", "a < b", "loss 4")
        ('<b>Meta-training</b>', '<b>One task</b> · a &lt; b · loss 4')
    """
    room = MOST_LETTERS - len(panel) - len(ending)
    if len(what) > room:
        cut = what[: max(room, 0)]
        what = (cut.rpartition(",")[0] or cut) + " …"
    return whole_title(panel, what, ending)


def whole_title(panel: str, what: str = "", ending: str = "") -> str:
    """As `title`, with nothing cut: a page breaks it into lines.

    Example:
        >>> whole_title("One task", "a" * 60)[-61:]
        ' aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'
    """
    parts = [f"<b>{html.escape(panel, quote=False)}</b>"]
    parts += [html.escape(part, quote=False) for part in (what, ending) if part]
    return " · ".join(parts)


def axis(text: str, **properties: object) -> dict[str, object]:
    """An axis with its title."""
    line = {"gridcolor": GRID, "zeroline": False, "linecolor": AXIS, "showline": True}
    return {"title": {"text": text, "standoff": 6}, **line, **properties}


def overlay(below: str) -> dict[str, object]:
    """An unseen y axis from 0 to 1 over another, for what spans its whole height."""
    return {"overlaying": below, "range": [0, 1], "visible": False, "fixedrange": True}


def legend(**properties: object) -> dict[str, object]:
    """A row of names."""
    return {
        "orientation": "h",
        "xanchor": "left",
        "font": {"size": SMALL, "color": TEXT},
        "itemwidth": 30,
        "indentation": -4,
        "bgcolor": "rgba(0,0,0,0)",
        **properties,
    }


def cursor() -> go.Scatter:
    """A vertical line at what is looked at, on the y axis of `overlay`; nowhere at first."""
    return go.Scatter(
        name="cursor",
        x=[None, None],
        y=[0, 1],
        yaxis="y2",
        mode="lines",
        line={"color": TEXT, "width": 1},
        meta={"cursor": True},
        hoverinfo="skip",
        showlegend=False,
    )


def show_cursor(figure: Drawable, x: float | None) -> None:
    """Put the cursor of an adaptation or training figure somewhere on the x axis.

    Args:
        figure: What `adaptation_figure` or `training_figure` has made.
        x: Where; None takes it away.
    """
    put(figure, [Update(CURSOR_AT, [{"x": [x, x]}])])


def axis_suffix(number: int) -> str:
    """What follows "x" or "xaxis" in the names of a plot's axes.

    Example:
        >>> axis_suffix(0), axis_suffix(3)
        ('', '4')
    """
    return "" if number == 0 else str(number + 1)


def on(number: int) -> dict[str, str]:
    """The axes of a plot, as properties of a trace.

    Example:
        >>> on(1)
        {'xaxis': 'x2', 'yaxis': 'y2'}
    """
    suffix = axis_suffix(number)
    return {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"}
