"""The lab's one figure: adaptation curve, one task, meta-training."""

from dataclasses import dataclass

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from labkit.figures.adaptation import (
    AdaptationPanel,
    adaptation_data,
    adaptation_note,
    adaptation_top,
    adaptation_traces,
)
from labkit.figures.palette import GRID, step_colors
from labkit.figures.task import MOST_STEPS, steps_drawn, task_data, task_traces
from labkit.figures.training import training_data, training_traces
from labkit.session.history import Event, TrainingCurve
from labkit.session.session import TEST_STEPS, Session, Snapshot
from labkit.tasks.family import Portrait

HEIGHT = 600
_ADAPTATION, _TASK, _TRAINING = "Held-out tasks", "One held-out task", "Meta-training"


@dataclass(frozen=True, slots=True)
class LabView:
    """All that the figure shows at one time."""

    adaptation: AdaptationPanel
    portrait: Portrait | None
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
    inner_steps = snapshot.settings.inner_steps
    longest = max(TEST_STEPS, inner_steps)
    return AdaptationPanel(
        curve=session.adaptation_curve(snapshot, longest),
        untrained=session.untrained_curve(snapshot, longest),
        inner_steps=inner_steps,
    )


def lab_figure() -> go.Figure:
    """The figure with all its traces and axes, empty; `show_adaptation` and the others fill it."""
    figure = make_subplots(
        rows=2,
        cols=2,
        specs=[[{}, {}], [{"colspan": 2}, None]],
        row_heights=[0.6, 0.4],
        vertical_spacing=0.19,
        horizontal_spacing=0.1,
    )
    for traces, row, column, legend in (
        (adaptation_traces(), 1, 1, "legend"),
        (task_traces(), 1, 2, "legend2"),
        (training_traces(), 2, 1, "legend3"),
    ):
        for trace in traces:
            trace.legend = legend
            figure.add_trace(trace, row=row, col=column)
    figure.data[-1].yaxis = "y4"
    grid = {"gridcolor": GRID, "zeroline": False, "linecolor": "#999", "showline": True}
    figure.update_xaxes(**grid, title_standoff=4)
    figure.update_yaxes(**grid, title_standoff=4)
    figure.update_layout(
        template="none",
        height=HEIGHT,
        autosize=True,
        margin={"l": 52, "r": 12, "t": 56, "b": 40},
        font={"family": "system-ui, 'DejaVu Sans', sans-serif", "size": 12},
        hovermode="x unified",
        uirevision="lab",  # a reader's zoom outlives the updates
        xaxis={"title": "inner steps", "dtick": 1, "range": [-0.2, 10.2]},
        yaxis={"title": "query loss", "range": [0, 5]},
        xaxis2={"title": "x"},
        yaxis2={"title": "y"},
        xaxis3={"title": "meta-step", "rangemode": "tozero"},
        yaxis3={"title": "query loss", "type": "log", "minor": {"showgrid": False}},
        yaxis4={"overlaying": "y3", "range": [0, 1], "visible": False, "fixedrange": True},
        legend=_legend(0.0, 1.0),
        legend2=_legend(0.55, 1.0),
        legend3=_legend(0.0, 0.325),
    )
    for title, x, y in ((_ADAPTATION, 0.0, 1.0), (_TASK, 0.55, 1.0), (_TRAINING, 0.0, 0.325)):
        figure.add_annotation(
            text=f"<b>{title}</b>",
            x=x,
            y=y,
            xref="paper",
            yref="paper",
            xanchor="left",
            yanchor="bottom",
            yshift=22,
            showarrow=False,
        )
    return figure


def show_lab(figure: go.Figure, view: LabView) -> None:
    """Put everything that `view` holds into a figure that `lab_figure` made."""
    show_adaptation(figure, view.adaptation)
    show_task(figure, view.portrait)
    show_training(figure, view.training, view.events)


def show_adaptation(figure: go.Figure, panel: AdaptationPanel) -> None:
    """Update the adaptation curve."""
    data = adaptation_data(panel)
    for trace in figure.data[: len(data)]:
        trace.update(data[trace.name])
    figure.layout.xaxis.range = [-0.2, len(panel.curve.mean) - 0.8]
    figure.layout.yaxis.range = [0, adaptation_top(panel)]
    figure.layout.xaxis.title.text = " · ".join(
        filter(None, [f"inner steps (trained: {panel.inner_steps})", adaptation_note(panel)])
    )


def show_task(figure: go.Figure, portrait: Portrait | None) -> None:
    """Update the portrait of one task; None leaves the panel empty."""
    if portrait is None:
        return
    first = len(adaptation_traces())
    data = task_data(portrait)
    steps = steps_drawn(portrait)
    colors = step_colors(len(steps))
    for i, (trace, values) in enumerate(
        zip(figure.data[first : first + len(data)], data, strict=True)
    ):
        trace.update(values)
        step = i - 2
        if 0 <= step < MOST_STEPS:
            used = step < len(steps)
            trace.update(
                name=f"after step {steps[step]}" if used else "",
                line={"color": colors[step] if used else GRID},
                showlegend=used and step in {0, len(steps) - 1},
                visible=used,
            )


def show_training(figure: go.Figure, curve: TrainingCurve, events: tuple[Event, ...]) -> None:
    """Update the meta-training losses and the marks of changes."""
    data = training_data(curve, events)
    for trace, values in zip(figure.data[-len(data) :], data, strict=True):
        trace.update(values)


def _legend(x: float, y: float) -> dict[str, object]:
    return {
        "orientation": "h",
        "x": x,
        "y": y,
        "xanchor": "left",
        "yanchor": "bottom",
        "font": {"size": 11},
        "itemwidth": 30,
        "bgcolor": "rgba(0,0,0,0)",
    }
