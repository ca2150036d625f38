"""The lab's one figure: adaptation curve, one task, meta-training."""

import html
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from labkit.figures.adaptation import (
    AdaptationPanel,
    adaptation_data,
    adaptation_note,
    adaptation_top,
    adaptation_traces,
)
from labkit.figures.palette import GRID
from labkit.figures.panels import task_panel
from labkit.figures.training import change_labels, training_data, training_traces
from labkit.session.history import Event, TrainingCurve
from labkit.session.session import Session
from labkit.session.snapshot import Snapshot
from labkit.tasks.family import AnyPortrait

HEIGHT = 540
MOST_LETTERS = 44
"""Of what stands beside the task panel's title."""

ATTRIBUTION_LETTERS, ATTRIBUTION_LINE = 120, 13
"""Letters of a line that a figure of 700 pixels has room for, and its height in pixels."""

_PANEL, _TASK_TITLE = "task panel", "annotations[1].text"
_ADAPTATION, _TASK, _TRAINING = "Held-out tasks", "One held-out task", "Meta-training"


@dataclass(frozen=True, slots=True)
class LabView:
    """All that the figure shows at one time."""

    adaptation: AdaptationPanel
    portrait: AnyPortrait | None
    training: TrainingCurve
    events: tuple[Event, ...]


def lab_view(session: Session) -> LabView:
    """Measure all that the figure shows, at the session's present state."""
    snapshot = session.snapshot()
    return LabView(
        adaptation=adaptation_panel(session, snapshot),
        portrait=session.portrait(snapshot),
        training=snapshot.curve,
        events=snapshot.events,
    )


def adaptation_panel(session: Session, snapshot: Snapshot) -> AdaptationPanel:
    """Measure the adaptation curve at a snapshot, beside the one of θ₀ with the same settings."""
    return AdaptationPanel(
        curve=session.adaptation_curve(snapshot),
        untrained=session.untrained_curve(snapshot),
        inner_steps=snapshot.settings.inner_steps,
    )


def lab_figure(portrait: AnyPortrait | None = None) -> go.Figure:
    """The figure with all its traces and axes, empty; `show_adaptation` and the others fill it.

    Args:
        portrait: One of the family whose tasks will be shown: the task panel is made for its kind.
            None makes a panel that says that there is none.
    """
    panel = task_panel(portrait)
    figure = make_subplots(
        rows=2,
        cols=2,
        specs=[[{}, {}], [{"colspan": 2}, None]],
        row_heights=[0.6, 0.4],
        vertical_spacing=0.2,
        horizontal_spacing=0.1,
    )
    for traces, row, column, legend in (
        (adaptation_traces(), 1, 1, "legend"),
        (panel.traces(), 1, 2, "legend2"),
        (training_traces(), 2, 1, "legend3"),
    ):
        for trace in traces:
            trace.legend = legend
            subplot = {} if trace.xaxis else {"row": row, "col": column}
            figure.add_trace(trace, **subplot)
    figure.data[-1].yaxis = "y4"
    figure.update_layout(
        template="none",
        height=HEIGHT,
        autosize=True,
        # fixed: a legend that pushes the margins makes plotly.js 4.1 draw axes at NaN for a moment
        margin={"l": 52, "r": 12, "t": 56, "b": 40, "autoexpand": False},
        font={"family": "system-ui, 'DejaVu Sans', sans-serif", "size": 12},
        hovermode="x unified",
        uirevision="lab",  # a reader's zoom outlives the updates
        xaxis=_axis("inner steps", dtick=1, range=[-0.2, 10.2]),
        yaxis=_axis("query loss", range=[0, 5]),
        xaxis2=_axis("x"),
        yaxis2=_axis("y"),
        xaxis3=_axis("meta-step", rangemode="tozero"),
        yaxis3=_axis("query loss", type="log", dtick="D2"),
        yaxis4={"overlaying": "y3", "range": [0, 1], "visible": False, "fixedrange": True},
        legend=_legend(0.0, 1.0),
        legend2=_legend(0.5, 1.0),
        legend3=_legend(0.0, 0.325),
    )
    for title, x, y in ((_ADAPTATION, 0.0, 1.0), (_TASK, 0.5, 1.0), (_TRAINING, 0.0, 0.325)):
        figure.add_annotation(
            text=_title(title),
            x=x,
            y=y,
            xref="paper",
            yref="paper",
            xanchor="left",
            yanchor="bottom",
            yshift=22,
            showarrow=False,
        )
    figure.update_layout(**{name.replace(".", "_"): v for name, v in panel.layout().items()})
    figure.layout.meta = {_PANEL: panel.kind}
    figure.layout.height = HEIGHT + panel.extra_height
    _add_attribution(figure, panel.attribution)
    return figure


def show_lab(figure: go.Figure, view: LabView) -> None:
    """Put everything that `view` holds into a figure that `lab_figure` made."""
    show_adaptation(figure, view.adaptation)
    show_task(figure, view.portrait)
    show_training(figure, view.training, view.events)


def show_adaptation(figure: go.Figure, panel: AdaptationPanel) -> None:
    """Update the adaptation curve."""
    note = adaptation_note(panel)
    title = f"inner steps · {note}" if note else f"inner steps (trained: {panel.inner_steps})"
    layout = {
        "xaxis.range": [-0.2, len(panel.curve.mean) - 0.8],
        "yaxis.range": [0, adaptation_top(panel)],
        "yaxis.title.text": f"query {panel.shown}".replace("_", " "),
        "xaxis.title.text": title,
    }
    _update(figure, 0, adaptation_data(panel), layout)


def show_task(figure: go.Figure, portrait: AnyPortrait | None) -> None:
    """Update the portrait of one task; None leaves the panel as it is.

    Raises:
        ValueError: The figure was made for portraits of another kind.
    """
    if portrait is None:
        return
    panel = task_panel(portrait)
    if figure.layout.meta[_PANEL] != panel.kind:
        raise ValueError(
            f"the portrait shows {panel.kind}, but the figure was made for "
            f"{figure.layout.meta[_PANEL]}: make it with lab_figure(portrait)"
        )
    first = len(adaptation_traces())
    for update in panel.updates():
        _update(figure, first + update.first, update.values, update.layout)
    figure.plotly_relayout({_TASK_TITLE: _title(_TASK, panel.title)})


def show_training(figure: go.Figure, curve: TrainingCurve, events: tuple[Event, ...]) -> None:
    """Update the meta-training losses and the marks of changes."""
    data = training_data(curve, events)
    last = len(figure.data)
    _update(figure, last - len(data), data)
    _update(figure, last - 1, [change_labels(curve, events)])


def _update(
    figure: go.Figure,
    first: int,
    values: Sequence[Mapping[str, Any]],
    layout: Mapping[str, Any] | None = None,
) -> None:
    """Set the same properties of consecutive traces, and of the layout, in one message.

    Every property is given for every trace: `batch_update` leaves out what has not changed, and
    what one message sets for some of its traces only is lost for the others (plotly 7.1).
    """
    figure.plotly_update(
        restyle_data={name: [trace[name] for trace in values] for name in values[0]},
        relayout_data=dict(layout or {}),
        trace_indexes=list(range(first, first + len(values))),
    )


def _title(panel: str, what: str = "") -> str:
    text = f"<b>{panel}</b>"
    if not what:
        return text
    if len(what) > MOST_LETTERS:
        cut = what[:MOST_LETTERS]
        what = (cut.rpartition(",")[0] or cut) + " …"
    return f"{text} · {html.escape(what, quote=False)}"


def _add_attribution(figure: go.Figure, attribution: str) -> None:
    """Below all else, where also a picture of the figure has it."""
    lines = textwrap.wrap(attribution, ATTRIBUTION_LETTERS)
    if not lines:
        return
    margin = figure.layout.margin
    figure.add_annotation(
        text="<br>".join(html.escape(line, quote=False) for line in lines),
        font={"size": 10, "color": "#666"},
        x=0,
        y=0,
        xref="paper",
        yref="paper",
        xanchor="left",
        yanchor="top",
        xshift=-margin.l + 8,
        yshift=-margin.b + 2,
        align="left",
        showarrow=False,
    )
    room = ATTRIBUTION_LINE * len(lines) + 4
    figure.update_layout(height=figure.layout.height + room, margin_b=margin.b + room)


def _axis(title: str, **properties: object) -> dict[str, object]:
    line = {"gridcolor": GRID, "zeroline": False, "linecolor": "#999", "showline": True}
    return {"title": {"text": title, "standoff": 6}, **line, **properties}


def _legend(x: float, y: float) -> dict[str, object]:
    return {
        "orientation": "h",
        "x": x,
        "y": y,
        "xanchor": "left",
        "yanchor": "bottom",
        "font": {"size": 10.5},
        "itemwidth": 30,
        "indentation": -4,
        "bgcolor": "rgba(0,0,0,0)",
    }
