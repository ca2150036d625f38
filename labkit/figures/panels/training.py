"""Meta-training: loss before and after adaptation, with a mark at every change of a setting."""

from collections.abc import Collection, Sequence
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go

from labkit.figures.panels.ghosts import (
    GhostCurve,
    check_ghosts,
    ghost_styles,
    ghost_traces,
    hidden_style,
)
from labkit.figures.panels.marks import (
    Label,
    Mark,
    axis_end,
    change_marks,
    place_labels,
    steady_end,
)
from labkit.figures.panels.stretches import (
    MOST_EARLIER,
    NOTHING,
    Floats,
    Stretch,
    by_algorithm,
)
from labkit.figures.style import (
    AFTER,
    APART,
    BEFORE,
    GRID,
    MARGIN,
    NARROW,
    SMALL,
    TEXT,
    TRAINING_HEIGHT,
    Drawable,
    Update,
    axis,
    cursor,
    drawable,
    figure_meta,
    log_axis,
    overlay,
    panel_figure,
    put,
    title,
    usual_limits,
)
from labkit.session import MOST_GHOSTS, Event, TrainingCurve

By = Literal["meta_step", "seconds"]
"""What the x axis counts."""

TrainingGhost = GhostCurve[TrainingCurve]

AXES = {"meta_step": "meta-step", "seconds": "seconds of training"}
LARGEST = 1e30
"""Losses that the logarithmic axis can show without trouble."""

_BEFORE, _GHOSTS = 1, 2
_GHOSTS_EARLIER = _GHOSTS + MOST_GHOSTS
_EARLIER = _GHOSTS_EARLIER + MOST_GHOSTS * MOST_EARLIER
_AFTER = _EARLIER + MOST_EARLIER
_SPIKES, _LEADERS, _MARKS, _CHANGES = range(_AFTER + 1, _AFTER + 5)
"""Where each stands among the traces; the cursor is before them."""

LAST_NUMBER = 17
"""Pixels next to the axis, which ends with a round number: half of it extends beyond."""

_LETTER, _ROW = 6.2, 14 / (TRAINING_HEIGHT - MARGIN["t"] - MARGIN["b"])
"""Width of a letter of a label in pixels, and height of a row of them as a share of the axis."""

_ARROW = 5 / (TRAINING_HEIGHT - MARGIN["t"] - MARGIN["b"])
"""Half the height of an arrow, as a share of the axis."""


def training_figure() -> go.Figure:
    """The figure with all its traces and axes, empty; `show_training` fills it."""
    return panel_figure(
        training_traces(),
        title("Meta-training"),
        height=TRAINING_HEIGHT,
        margin={"r": LAST_NUMBER},
        xaxis=axis("meta-step", range=[0, 1]),
        yaxis=axis("query loss", type="log", range=[-1, 1]),
        yaxis2=overlay("y"),
        meta={"x": "meta_step"},
    )


def show_training(
    figure: Drawable,
    curve: TrainingCurve,
    events: Sequence[Event],
    *,
    by: By = "meta_step",
    stretches: Sequence[Stretch] = (Stretch(0),),
    ghosts: Sequence[TrainingGhost] = (),
    width: int = NARROW,
) -> None:
    """Update the losses and the marks of changes.

    Args:
        figure: What `training_figure` has made, or what stands for it.
        curve: The losses.
        events: Changes of settings, in their order.
        by: What the x axis counts: "meta_step", or "seconds" spent in meta-steps.
        stretches: Which algorithm made which losses, the first from meta-step 0 on; the last is
            in use.
        ghosts: Losses of other runs, at most `MOST_GHOSTS`.
        width: Pixels of the figure for which the labels of the marks are laid out.

    Raises:
        ValueError: There are too many kept runs, or `by` is neither of the two.
    """
    put(
        figure,
        training_updates(curve, events, by=by, stretches=stretches, ghosts=ghosts, width=width),
    )


def training_traces() -> list[go.Scatter]:
    """The panel's traces, empty; the marks are on an axis from 0 to 1."""
    return [
        cursor(),
        go.Scatter(
            name="before adaptation",
            mode="lines",
            line={"color": BEFORE, "width": 1.5},
            hovertemplate="%{y:.3g}",
        ),
        *ghost_traces(mode="lines", showlegend=False),
        *(
            trace
            for _ in range(MOST_EARLIER)
            for trace in ghost_traces(mode="lines", showlegend=False)
        ),
        *(
            go.Scatter(
                name=f"earlier algorithm {i + 1}",
                mode="lines",
                line={"width": 2},
                hovertemplate="%{y:.3g}",
                visible=False,
            )
            for i in range(MOST_EARLIER)
        ),
        go.Scatter(
            name="after adaptation",
            mode="lines",
            line={"color": AFTER, "width": 2},
            hovertemplate="%{y:.3g}",
        ),
        go.Scatter(
            name="off the scale",
            mode="markers",
            yaxis="y2",
            marker={"color": TEXT, "symbol": "triangle-up", "size": 9},
            hovertemplate="%{hovertext}<extra></extra>",
            showlegend=False,
        ),
        # as faint as the grid: the letters of other labels are above them
        go.Scatter(
            name="leaders",
            mode="lines",
            yaxis="y2",
            line={"color": GRID, "width": 1},
            hoverinfo="skip",
            showlegend=False,
        ),
        go.Scatter(
            name="marks",
            mode="lines",
            yaxis="y2",
            line={"color": TEXT, "width": 1, "dash": "dash"},
            hovertemplate="%{hovertext}<extra></extra>",
            showlegend=False,
        ),
        # of a trace that has points without words plotly 4.1 loses words when it draws again
        go.Scatter(
            name="changes",
            mode="text",
            yaxis="y2",
            textposition="bottom right",
            textfont={"color": TEXT, "size": SMALL},
            hovertemplate="%{hovertext}<extra></extra>",
            showlegend=False,
        ),
    ]


def training_updates(
    curve: TrainingCurve,
    events: Sequence[Event],
    *,
    by: By,
    stretches: Sequence[Stretch],
    ghosts: Sequence[TrainingGhost],
    width: int,
) -> list[Update]:
    """All that changes; arguments as for `show_training`."""
    check_ghosts(ghosts)
    if by not in AXES:
        raise ValueError(f"by must be one of {', '.join(map(repr, AXES))}, got {by!r}")
    x, others = _x(curve, by), [_x(ghost.curve, by) for ghost in ghosts]
    losses = [drawable(curve.loss_before, LARGEST), drawable(curve.loss_after, LARGEST)]
    faint = [drawable(ghost.curve.loss_after, LARGEST) for ghost in ghosts]
    now, earlier = by_algorithm(x, losses[1], curve.meta_step, stretches)
    kept = [
        by_algorithm(gx, y, ghost.curve.meta_step, ghost.stretches or (Stretch(0, ghost.color),))
        for ghost, gx, y in zip(ghosts, others, faint, strict=True)
    ]
    styles = ghost_styles(ghosts)
    kept_earlier = [
        (line, {**style, "line.color": stretch.color})
        for (_, lines), style in zip(kept, styles, strict=False)
        for stretch, line in lines.items()
    ]
    unused = [(NOTHING, hidden_style())] * (MOST_GHOSTS * MOST_EARLIER - len(kept_earlier))
    data = [
        {"x": x, "y": losses[0]},
        *(line for line, _ in kept),
        *[NOTHING] * (MOST_GHOSTS - len(ghosts)),
        *(line for line, _ in (*kept_earlier, *unused)),
        *earlier.values(),
        *[NOTHING] * (MOST_EARLIER - len(earlier)),
        now,
    ]
    end = max((float(each[-1]) for each in (x, *others) if len(each)), default=1.0)
    letters = int((width - MARGIN["l"] - MARGIN["r"]) / _LETTER)
    xs = _at(curve, events, by)
    end = steady_end(max([end, *xs]))
    marks = change_marks(events, xs, end)
    end = axis_end(marks, end, letters)
    labels = place_labels(marks, end, letters)
    free = _ROW * (1 + max((label.row for label in labels), default=-1))
    low, high = usual_limits([*losses, *faint], start=losses[0][:1])
    scale = log_axis([np.clip(each, low, high) for each in (*losses, *faint)], free=free)
    layout = {
        "meta": figure_meta(x=by),
        "xaxis.title.text": AXES[by],
        "xaxis.range": [0, end],
        **{f"yaxis.{name}": value for name, value in scale.items()},
    }
    return [
        Update(_BEFORE, data, layout),
        Update(_GHOSTS, [*styles, *(style for _, style in (*kept_earlier, *unused))]),
        Update(_EARLIER, _earlier_styles(earlier)),
        Update(_AFTER, [{"line.color": stretches[-1].color}]),
        Update(_SPIKES, [_spikes(x, np.fmax(*losses), high, free)]),
        Update(_LEADERS, [_leaders(labels, free)]),
        Update(_MARKS, [_lines(marks, free)]),
        Update(_CHANGES, [_words(marks, labels)]),
    ]


def _earlier_styles(curves: Collection[Stretch]) -> list[dict[str, Any]]:
    """Name, colour and whether it shows, for each trace of an earlier algorithm."""
    styles: list[dict[str, Any]] = [
        {"name": f"earlier: {stretch.name}", "line.color": stretch.color, "visible": True}
        for stretch in curves
    ]
    unused = {"name": "", "line.color": AFTER, "visible": False}
    return styles + [unused] * (MOST_EARLIER - len(styles))


def _spikes(x: Floats, losses: Floats, high: float, free: float) -> dict[str, Any]:
    """An arrow where losses leave the axis at its upper end, at the largest of each run of them."""
    off = np.flatnonzero(losses > high)
    runs = np.split(off, np.flatnonzero(np.diff(off) > 1) + 1) if len(off) else []
    tops = [int(run[np.argmax(losses[run])]) for run in runs]
    return {
        "x": x[tops],
        "y": np.full(len(tops), 1 - free - _ARROW),
        "hovertext": [f"off the scale: a loss of {losses[top]:.2g}" for top in tops],
    }


def _x(curve: TrainingCurve, by: By) -> Floats:
    return curve.meta_step if by == "meta_step" else curve.seconds


def _at(curve: TrainingCurve, events: Sequence[Event], by: By) -> list[float]:
    """Where the changes lie on the axis."""
    steps = np.array([event.meta_step for event in events], dtype=np.float64)
    if by == "seconds":
        times = np.concatenate([[0.0], curve.meta_step]), np.concatenate([[0.0], curve.seconds])
        steps = np.interp(steps, *times)
    xs: list[float] = steps.tolist()
    return xs


def _leaders(labels: Sequence[Label], free: float) -> dict[str, Any]:
    """Lines from the upper end of each mark to its label."""
    nan = float("nan")
    return {
        "x": np.array([x for label in labels for x in (label.x, label.x, nan)]),
        "y": np.array([y for label in labels for y in (1 - free, _height(label), nan)]),
    }


def _lines(marks: Sequence[Mark], free: float) -> dict[str, Any]:
    """Lines of the marks, below the part of the axis that is left to their labels."""
    nan = float("nan")
    return {
        "x": np.array([x for mark in marks for x in (mark.x, mark.x, nan)]),
        "y": np.array([y for _ in marks for y in (0.0, 1 - free, nan)]),
        "hovertext": [text for mark in marks for text in (_told(mark), _told(mark), "")],
    }


def _words(marks: Sequence[Mark], labels: Sequence[Label]) -> dict[str, Any]:
    """Labels of the marks, in that part."""
    return {
        "x": np.array([label.x for label in labels]),
        "y": np.array([_height(label) for label in labels]),
        "text": [APART + label.text for label in labels],
        "hovertext": [_told(mark) for mark in marks],
    }


def _told(mark: Mark) -> str:
    begun, ended = f"{mark.x:.4g}", f"{mark.end:.4g}"
    when = f"from {begun} on" if begun == ended else f"changed from {begun} to {ended}"
    return f"{mark.text}, {when}"


def _height(label: Label) -> float:
    """Where a label is on the axis from 0 to 1."""
    return 1 - _ROW * label.row
