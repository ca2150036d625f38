"""What the panels show, as arrays and as a figure."""

import math

import numpy as np
import plotly.graph_objects as go
import pytest
import torch

from labkit import AdaptationCurve, Event, Portrait, Session, Settings, Sinusoid, sinusoid_mlp
from labkit.figures.adaptation import (
    AdaptationPanel,
    adaptation_data,
    adaptation_note,
    adaptation_top,
)
from labkit.figures.lab import lab_figure, lab_view, show_lab, show_task
from labkit.figures.palette import step_colors, translucent
from labkit.figures.task import MOST_STEPS, step_styles, steps_drawn, task_data, task_range
from labkit.figures.training import change_labels, change_marks, training_data
from labkit.session.history import TrainingCurve


def curve(*mean: float, diverged: float = 0.0) -> AdaptationCurve:
    values = torch.tensor(mean, dtype=torch.float64)
    return AdaptationCurve(
        mean=values,
        ci95=0.1 * values,
        median=0.5 * values,
        diverged=torch.full_like(values, diverged),
        tasks=10,
    )


def portrait(steps: int) -> Portrait:
    x = torch.linspace(-1, 1, 5, dtype=torch.float64)
    return Portrait(
        x=x,
        truth=x,
        predictions=torch.arange(steps + 1.0, dtype=torch.float64)[:, None] * torch.ones(5),
        support_x=x[:2],
        support_y=x[:2],
    )


def test_adaptation_band_and_lines() -> None:
    band, untrained, trained, median, mean = adaptation_data(
        AdaptationPanel(curve(4.0, 2.0, 1.0), curve(5.0, 5.0, 5.0), inner_steps=1)
    )
    assert mean["y"].tolist() == [4.0, 2.0, 1.0]
    assert median["y"].tolist() == [2.0, 1.0, 0.5]
    assert untrained["y"].tolist() == [5.0] * 3
    assert trained["x"].tolist() == [1.0, 1.0]
    assert band["x"].tolist() == [0, 1, 2, 2, 1, 0]
    np.testing.assert_allclose(band["y"], [4.4, 2.2, 1.1, 0.9, 1.8, 3.6])


def test_adaptation_that_diverges() -> None:
    panel = AdaptationPanel(
        curve(4.0, 2.0, 1e8, math.nan, diverged=0.02), curve(4.0, 4.0, 4.0, 4.0), inner_steps=1
    )
    band, *_, mean = adaptation_data(panel)
    assert np.isnan(mean["y"][3])
    assert np.isfinite(band["y"]).all()
    # the axis stays where the curves start, and a note says what it does not show
    assert adaptation_top(panel) == 5.0
    assert adaptation_note(panel) == "2.0% diverge, mean 1e+08 at 2"


@pytest.mark.parametrize(("start", "top"), [(4.2, 6.0), (0.42, 0.6), (42.0, 60.0), (0.0, 1.0)])
def test_loss_axis_is_round(start: float, top: float) -> None:
    panel = AdaptationPanel(curve(start, 0.0), curve(start, 0.0), inner_steps=1)
    assert adaptation_top(panel) == pytest.approx(top)


def test_task_curves_for_each_step() -> None:
    data = task_data(portrait(3))
    assert [d["y"][0] for d in data[1:5]] == [0.0, 1.0, 2.0, 3.0]
    assert all(d["y"].size == 0 for d in data[5 : 2 + MOST_STEPS])
    assert data[-1]["x"].size == 2
    styles = step_styles(portrait(3))
    assert [s["name"] for s in styles[:4]] == ["step 1", "step 2", "step 3", ""]
    assert [s["showlegend"] for s in styles[:4]] == [False, False, True, False]
    assert [s["visible"] for s in styles] == [True] * 3 + [False] * 7


def test_task_that_diverges_stays_readable() -> None:
    wild = portrait(2)
    wild.predictions[1] = 1e200
    wild.predictions[2] = torch.nan
    ys = [d["y"] for d in task_data(wild)]
    assert np.nanmax(np.abs(np.concatenate(ys))) <= 300
    assert np.isnan(ys[3]).all()
    low, high = task_range(wild)
    assert -3.3 <= low < -1
    assert 3 <= high <= 3.3


@pytest.mark.parametrize("steps", [0, 1, 10, 11, 50])
def test_steps_drawn_end_with_the_last(steps: int) -> None:
    drawn = steps_drawn(portrait(steps))
    assert len(drawn) == min(steps, MOST_STEPS)
    assert drawn == sorted(set(drawn))
    assert not steps or drawn[-1] == steps


def test_colors() -> None:
    assert translucent("#0072B2", 0.2) == "rgba(0,114,178,0.2)"
    assert len(set(step_colors(10))) == 10
    assert step_colors(1) == ["#0072B2"]
    assert step_colors(0) == []


def test_marks_of_changes() -> None:
    events = (
        Event(10, "alpha", 0.02),
        Event(11, "alpha", 0.03),
        Event(60, "order", 1),
        Event(95, "inner_steps", 5),
        Event(97, "beta", 1e-4),
    )
    assert change_marks(events, 100.0) == [
        (10.0, "α 0.03"),
        (60.0, "order 1"),
        (95.0, "K 5, β 0.0001"),
    ]
    steps = TrainingCurve(np.array([50.0, 100.0]), np.ones(2), np.ones(2))
    marks = training_data(steps, events[:1])[-1]
    assert marks["x"][:2].tolist() == [10.0, 10.0]
    assert marks["y"][:2].tolist() == [0.0, 1.0]
    assert change_labels(steps, events[:1]) == {"text": ["", "α 0.02", ""]}


def traces(figure: go.Figure) -> dict[str, go.Scatter]:
    return {trace.name: trace for trace in figure.data if trace.name}


def test_figure_of_a_session() -> None:
    session = Session(Settings(meta_batch=2), model=sinusoid_mlp, tasks=Sinusoid)
    session.run(3)
    session.set(alpha=0.5, inner_steps=4)
    session.run(5)
    figure = lab_figure(session.portrait(session.snapshot()))
    names = {trace.name for trace in figure.data if not trace.name.startswith("step")}
    show_lab(figure, lab_view(session))
    shown = traces(figure)
    assert names <= shown.keys()
    snapshot = session.snapshot()
    assert shown["after adaptation"].y.tolist() == snapshot.curve.loss_after.tolist()
    assert shown["mean"].y.tolist() == session.adaptation_curve(snapshot).mean.tolist()
    assert shown["changes"].text[1] == "α 0.5, K 4"
    assert shown["step 4"].visible
    assert "trained: 4" in figure.layout.xaxis.title.text or "diverge" in (
        figure.layout.xaxis.title.text
    )
    show_lab(figure, lab_view(session))
    assert traces(figure)["step 4"].name == "step 4"


def test_every_update_names_every_property() -> None:
    """What an update leaves out of some traces is lost in the browser; see `figures.lab`."""
    figure = lab_figure(portrait(3))
    show_task(figure, portrait(3))
    sent: list[dict[str, list[object]]] = []
    widget = lab_figure(portrait(3))
    widget.plotly_update = lambda restyle_data, **_: sent.append(restyle_data)
    show_task(widget, portrait(2))
    for restyle in sent:
        assert len({len(values) for values in restyle.values()}) == 1
    assert {name for restyle in sent for name in restyle} >= {"x", "y", "name", "visible"}
    show_task(figure, None)
    assert traces(figure)["step 3"].visible
