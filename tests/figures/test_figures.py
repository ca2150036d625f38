"""What the panels show, as arrays and as a figure."""

import math

import numpy as np
import plotly.graph_objects as go
import pytest
import torch

from labkit import AdaptationCurve, Session, Settings, Sinusoid, Tides, sinusoid_mlp, tide_mlp
from labkit.figures.lab import lab_figures, lab_view, show_lab
from labkit.figures.panels.adaptation import (
    AdaptationPanel,
    adaptation_data,
    adaptation_figure,
    adaptation_note,
    adaptation_top,
    show_adaptation,
)
from labkit.figures.panels.curve_task import (
    MOST_STEPS,
    step_styles,
    steps_drawn,
    task_data,
    task_range,
)
from labkit.figures.panels.task_figure import show_task, task_figure
from labkit.figures.style.frame import TITLE_HEIGHT
from labkit.figures.style.palette import algorithm_color
from labkit.tasks.family import Portrait
from labkit.training.evaluation import summarise
from tests.figures.examples import portrait


def curve(*mean: float, diverged: float = 0.0) -> AdaptationCurve:
    values = torch.tensor(mean, dtype=torch.float64)
    return AdaptationCurve(
        mean=values,
        ci95=0.1 * values,
        median=0.5 * values,
        diverged=torch.full_like(values, diverged),
        tasks=10,
    )


def test_adaptation_band_and_lines() -> None:
    band, trained, _, untrained, *_, median, mean = adaptation_data(
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
    figure = adaptation_figure()
    show_adaptation(figure, panel)
    assert figure.layout.xaxis.title.text == (
        "inner steps (trained: 1) · 2.0% diverge, mean 1e+08 at 2"
    )


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


def test_task_axis_stands_still_while_the_curves_move_a_little() -> None:
    calm = portrait(2)
    calm.predictions[:] = 0.9
    assert task_range(calm) == pytest.approx([-1.2, 1.2])
    calm.predictions[2] = 1.1
    assert task_range(calm) == pytest.approx([-1.2, 1.2])
    # beyond the task by a quarter, a half, the whole of what it takes up
    for lowest, end in ((-1.21, -1.7), (-1.69, -1.7), (-1.71, -2.2), (-2.3, -3.2)):
        calm.predictions[1] = lowest
        assert task_range(calm) == pytest.approx([end, 1.2])


def test_task_axis_stays_until_it_is_too_small_or_twice_too_large() -> None:
    calm = portrait(2)
    figure = task_figure(calm)
    ends = []
    for lowest in (-1.1, -1.6, -1.1, -2.1, -1.6, -1.1, -3.1, -1.1):
        calm.predictions[:] = 0.9
        calm.predictions[1] = lowest
        show_task(figure, calm)
        ends.append(figure.layout.yaxis.range[0])
    assert ends == pytest.approx([-1.2, -1.7, -1.7, -2.2, -2.2, -2.2, -3.2, -3.2])
    calm.predictions[1:] = torch.tensor([[-3.1], [3.1]])
    show_task(figure, calm)
    assert figure.layout.yaxis.range == pytest.approx((-3.2, 3.2))
    calm.predictions[:] = 0.9
    show_task(figure, calm)
    assert figure.layout.yaxis.range == pytest.approx((-1.2, 1.2))


@pytest.mark.parametrize("steps", [0, 1, 10, 11, 50])
def test_steps_drawn_end_with_the_last(steps: int) -> None:
    curves = steps_drawn(portrait(steps))
    assert len(curves) == min(steps, MOST_STEPS)
    assert curves == sorted(set(curves))
    assert not steps or curves[-1] == steps


def traces(figures: dict[str, go.Figure]) -> dict[str, go.Scatter]:
    return {trace.name: trace for figure in figures.values() for trace in figure.data if trace.name}


def test_figures_of_a_session() -> None:
    session = Session(Settings(meta_batch=2), model=sinusoid_mlp, tasks=Sinusoid)
    session.run(3)
    session.set(alpha=0.5, inner_steps=4)
    session.run(5)
    figures = lab_figures(session.portrait(session.snapshot()))
    names = set(traces(figures)) - {f"step {i + 1}" for i in range(MOST_STEPS)}
    names -= {f"kept run {i + 1}" for i in range(6)} | {"baseline", "mean"}
    names -= {f"earlier algorithm {i + 1}" for i in range(5)}
    show_lab(figures, lab_view(session))
    by_name = traces(figures)
    assert names <= by_name.keys()
    # told after each update: a page cuts it off
    heights = [figure.layout.meta["title_height"] for figure in figures.values()]
    assert heights == [TITLE_HEIGHT] * 3
    snapshot = session.snapshot()
    assert by_name["after adaptation"].y.tolist() == snapshot.curve.loss_after.tolist()
    assert by_name["MAML"].y.tolist() == session.adaptation_curve(snapshot).mean.tolist()
    assert "".join(by_name["changes"].text).strip() == "α 0.5, K 4"
    assert by_name["step 4"].visible
    assert "(trained: 4)" in figures["adaptation"].layout.xaxis.title.text
    assert by_name["K trained"].text[1].strip() == "K = 4"
    show_lab(figures, lab_view(session))
    assert traces(figures)["step 4"].name == "step 4"


def test_a_view_holds_all_that_a_person_has_chosen_to_see() -> None:
    session = Session(Settings(meta_batch=2), model=sinusoid_mlp, tasks=Sinusoid, test_tasks=5)
    session.run(3)
    ghost = session.pin()
    session.set(order=1)
    session.run(5)
    session.step("task")
    walked = lab_view(session)
    assert walked.heading == "Training task 1 of 2"
    session.look(4)
    view = lab_view(session, task=2, points=((0.0, 1.0), (1.0, 2.0)), by="seconds")
    (adaptation,), (losses,) = view.adaptation.ghosts, view.ghosts
    assert adaptation.label == losses.label == "MAML · 3"
    assert adaptation.color == losses.color == algorithm_color("maml", 2) != view.adaptation.color
    assert adaptation.curve.mean.tolist() == session.adaptation_curve(ghost.snapshot).mean.tolist()
    assert losses.curve is ghost.snapshot.curve
    assert isinstance(view.portrait, Portrait)
    assert view.portrait.support_y.tolist() == [1.0, 2.0]
    snapshot = session.snapshot()
    other = session.portrait(snapshot, 2)
    assert isinstance(other, Portrait)
    assert view.portrait.truth.tolist() == other.truth.tolist()
    assert view.cursor == snapshot.curve.seconds[3]
    figures = lab_figures(view.portrait)
    show_lab(figures, view)
    assert figures["training"].data[0].x == (view.cursor, view.cursor)
    assert figures["training"].layout.xaxis.title.text == "seconds of training"
    assert traces(figures)["MAML · 3"].visible
    assert lab_view(session).cursor == 4.0


@pytest.mark.parametrize(("inner_steps", "apart"), [(1, 1), (20, 1), (30, 2), (100, 5), (250, 20)])
def test_numbers_of_inner_steps_have_room(inner_steps: int, apart: int) -> None:
    session = Session(
        Settings(meta_batch=1, inner_steps=inner_steps),
        model=sinusoid_mlp,
        tasks=Sinusoid,
        test_tasks=2,
    )
    figure = adaptation_figure()
    show_adaptation(figure, lab_view(session).adaptation)
    assert figure.layout.xaxis.dtick == apart


def test_a_ghost_of_the_same_run_lies_on_it_however_long_that_has_become() -> None:
    session = Session(Settings(meta_batch=1, shots=2), model=sinusoid_mlp, tasks=Sinusoid)
    session.run(150)
    session.pin()
    session.run(250)
    view = lab_view(session)
    (ghost,) = view.ghosts
    entries = len(ghost.curve.meta_step)
    assert entries == 75
    assert ghost.curve.loss_after.tolist() == view.training.loss_after[:entries].tolist()


def test_a_view_of_another_measure() -> None:
    session = Session(Settings(meta_batch=2), model=tide_mlp, tasks=Tides, test_tasks=3)
    assert lab_view(session).adaptation.shown == "rmse_ft"
    assert lab_view(session, measure="mae_ft").adaptation.shown == "mae_ft"


def test_a_panel_shows_another_measure_and_guessing_with_the_accuracy_alone() -> None:
    accuracy = summarise(torch.ones(4, 2), {"accuracy": torch.full((4, 2), 0.5)})
    panel = AdaptationPanel(accuracy, accuracy, 1, baseline=(0.2, "guessing"))
    assert panel.showing(None).baseline == panel.showing("accuracy").baseline == (0.2, "guessing")
    assert panel.showing("loss").shown == "loss"
    assert panel.showing("loss").baseline is None
    assert panel.showing("rmse").shown == "accuracy"


class Recorder:
    """Notes what it is sent, as what stands for a figure in a browser would."""

    def __init__(self) -> None:
        self.sent: list[tuple[dict[str, list[object]], list[int]]] = []

    def plotly_update(
        self,
        restyle_data: dict[str, list[object]],
        relayout_data: dict[str, object],
        trace_indexes: list[int],
    ) -> None:
        assert all(isinstance(name, str) for name in relayout_data)
        self.sent.append((restyle_data, trace_indexes))

    def __getitem__(self, path: str) -> None:
        """Nothing is set yet."""


def test_every_update_names_every_property_for_traces_that_stand_together() -> None:
    """What an update leaves out of some traces is lost in the browser; see `Update`."""
    session = Session(Settings(meta_batch=2), model=sinusoid_mlp, tasks=Sinusoid)
    session.run(2)
    recorders = {name: Recorder() for name in ("adaptation", "task", "training")}
    show_lab(recorders, lab_view(session))
    figures = lab_figures(lab_view(session).portrait)
    for name, recorder in recorders.items():
        assert recorder.sent
        for restyle, indexes in recorder.sent:
            assert {len(values) for values in restyle.values()} == {len(indexes)}
            assert indexes == list(range(indexes[0], indexes[-1] + 1))
            assert indexes[-1] < len(figures[name].data)


def test_no_portrait_leaves_the_task_as_it_is() -> None:
    figure = task_figure(portrait(3))
    show_task(figure, portrait(3))
    show_task(figure, None)
    assert traces({"task": figure})["step 3"].visible


def test_a_theta_that_has_gone_astray_leaves_the_axis_its_numbers() -> None:
    panel = AdaptationPanel(curve(1e26, 2.0), curve(4.0, 4.0), inner_steps=1)
    assert adaptation_top(panel) == 5.0
    assert adaptation_note(panel) == "mean 1e+26 at 0"
