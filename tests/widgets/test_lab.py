"""The lab through its real callbacks, without a browser."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import ipywidgets as w
import plotly.graph_objects as go
import pytest

from labkit import (
    MAML,
    Lab,
    MetaLearner,
    Session,
    Settings,
    Sinusoid,
    Tides,
    open_lab,
    sinusoid_mlp,
    tide_mlp,
)
from labkit.widgets import opening
from labkit.widgets.lab import DOUBLE_CLICK_SECONDS


def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def new_session(**settings: Any) -> Session:
    start = Settings(meta_batch=2, shots=3).changed(**settings)
    return Session(start, model=sinusoid_mlp, tasks=Sinusoid)


@pytest.fixture
def lab() -> Iterator[Lab]:
    lab = Lab(new_session())
    yield lab
    lab.close()


def trace(lab: Lab, name: str) -> go.Scatter:
    return next(t for figure in lab.figures.values() for t in figure.data if t.name == name)


def test_nothing_trains_before_play(lab: Lab) -> None:
    time.sleep(0.3)
    assert lab.session.snapshot().meta_step == 0
    assert "meta-step 0" in lab.status.value
    assert len(trace(lab, "mean").y) == 11


def test_play_and_pause(lab: Lab) -> None:
    lab.play.click()
    until(lambda: lab.play.description == "Pause")
    assert lab.step.disabled
    until(lambda: len(trace(lab, "after adaptation").y) > 3)
    first = tuple(trace(lab, "mean").y)
    until(lambda: tuple(trace(lab, "mean").y) != first)
    until(lambda: "meta-steps/s" in lab.status.value)
    lab.play.click()
    lab.session.wait()
    until(lambda: lab.play.description == "Play")
    assert not lab.step.disabled
    reached = lab.session.snapshot().meta_step
    until(lambda: f"meta-step {reached:,}<" in lab.status.value)
    # the last state is drawn, although curves are evaluated only now and then while it plays
    until(lambda: list(trace(lab, "mean").y) == now(lab))


def now(lab: Lab) -> list[float]:
    mean: list[float] = lab.session.adaptation_curve(lab.session.snapshot()).mean.tolist()
    return mean


def test_step_and_reset(lab: Lab) -> None:
    for expected in (1, 2):
        lab.step.click()
        lab.session.wait()
        assert lab.session.snapshot().meta_step == expected
    until(lambda: len(trace(lab, "after adaptation").y) == 2)
    lab.reset.click()
    until(lambda: len(trace(lab, "after adaptation").y) == 0)
    assert lab.session.snapshot().meta_step == 0
    assert lab.session.settings.seed == 0


def test_controls_set_the_session(lab: Lab) -> None:
    lab.alpha.slider.value = 0.1
    lab.beta.text.value = "0.02"
    lab.inner_steps.value = 4
    lab.order.value = 1
    chosen = lab.session.settings.model_dump(include={"alpha", "beta", "inner_steps", "order"})
    assert list(chosen.values()) == [0.1, 0.02, 4, 1]
    lab.step.click()
    lab.session.wait()
    assert len(lab.session.snapshot().events) == 4
    until(lambda: any("K 4" in text for text in trace(lab, "changes").text or ()))
    until(lambda: any(t.name == "step 4" for t in lab.figures["task"].data))


def test_curves_answer_while_paused(lab: Lab) -> None:
    lab.step.click()
    lab.session.wait()
    before = list(trace(lab, "mean").y)
    lab.alpha.slider.value = 0.1
    until(lambda: list(trace(lab, "mean").y) != before)
    until(lambda: list(trace(lab, "mean").y) == now(lab))
    assert lab.session.snapshot().meta_step == 1


def test_controls_follow_the_session(lab: Lab) -> None:
    lab.session.set(alpha=0.3, beta=0.02, inner_steps=12, order=1)
    until(lambda: lab.order.value == 1)
    assert lab.alpha.text.value == "0.3"
    assert lab.beta.text.value == "0.02"
    assert lab.inner_steps.value == 12
    assert lab.session.settings.inner_steps == 12


def test_another_task(lab: Lab) -> None:
    first = tuple(trace(lab, "support").x)
    lab.another.click()
    until(lambda: tuple(trace(lab, "support").x) != first)


def test_refused_values_are_told_and_forgotten(lab: Lab) -> None:
    lab.alpha.text.value = "-1"
    until(lambda: "alpha = -1.0: must be a finite number ≥ 0" in lab.message.value)
    assert lab.session.settings.alpha == 0.01
    lab.alpha.text.value = "0.02"
    until(lambda: "must be" not in lab.message.value)


def test_a_trainers_exception_appears_in_words(lab: Lab) -> None:
    lab.alpha.text.value = "1e30"
    lab.inner_steps.value = 3
    lab.play.click()
    until(lambda: "DivergedError: meta-step 1 has a meta-gradient" in lab.message.value)
    assert lab.play.description == "Play"
    lab.alpha.text.value = "0.01"
    lab.play.click()
    until(lambda: lab.session.snapshot().meta_step > 0)
    until(lambda: "Diverged" not in lab.message.value)


def test_double_clicks_are_harmless(lab: Lab) -> None:
    lab.play.click()
    lab.play.click()
    assert lab.session.playing
    time.sleep(DOUBLE_CLICK_SECONDS)
    lab.play.click()
    lab.play.click()
    assert not lab.session.playing
    lab.session.play()
    lab.session.play()
    lab.reset.click()
    lab.reset.click()
    until(lambda: lab.play.description == "Play")
    assert lab.session.snapshot().meta_step == 0
    assert sum(t.name == "maml-lab-training" for t in threading.enumerate()) <= 1


def test_a_figure_for_each_panel_and_tooltips_from_the_settings(lab: Lab) -> None:
    assert sum(isinstance(child, go.FigureWidget) for child in lab.widget.children) == 3
    assert Settings.model_fields["alpha"].description in lab.alpha.slider.tooltip
    assert lab.inner_steps.tooltip == Settings.model_fields["inner_steps"].description


def test_settings_beyond_the_controls() -> None:
    lab = Lab(new_session(alpha=5.0, inner_steps=15))
    assert (lab.alpha.text.value, lab.inner_steps.value) == ("5", 15)
    assert lab.session.settings.alpha == 5.0
    lab.close()


def test_closing_frees_threads_and_widgets() -> None:
    before = set(w.widget._instances)
    lab = Lab(new_session())
    lab.play.click()
    lab.close()
    lab.close()
    assert not lab.session.playing
    assert set(w.widget._instances) == before


def test_open_lab_headless_trains_to_the_end() -> None:
    session = new_session(meta_steps=4)
    open_lab(session)
    assert session.snapshot().meta_step == 4
    open_lab(session)
    assert session.snapshot().meta_step == 4


def test_running_a_cell_again_closes_its_lab(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    cell = "one"
    monkeypatch.setattr(opening, "running_cell", lambda: cell)
    first, second, other = new_session(), new_session(), new_session()
    open_lab(first)
    first.play()
    open_lab(second)
    assert not first.playing
    second.play()
    cell = "another"
    open_lab(other)
    assert second.playing
    for lab in opening._open.values():
        lab.close()
    opening._open.clear()
    assert "MAML Lab" in capsys.readouterr().out


def test_what_is_shown_of_the_held_out_tasks_can_be_chosen(lab: Lab) -> None:
    assert lab.measure.layout.display == "none"  # sinusoids have the loss alone
    tides = Lab(Session(Settings(meta_batch=2), model=tide_mlp, tasks=Tides, test_tasks=5))
    try:
        assert tides.measure.options == ("rmse_ft", "mae_ft", "loss")
        assert tides.measure.layout.display is None
        assert tides.figures["adaptation"].layout.yaxis.title.text == "query rmse ft"
        feet = tuple(trace(tides, "mean").y)
        tides.measure.value = "loss"
        until(lambda: tides.figures["adaptation"].layout.yaxis.title.text == "query loss")
        curve = tides.session.adaptation_curve(tides.session.snapshot())
        assert tuple(trace(tides, "mean").y) == pytest.approx(curve.mean.tolist())
        assert tuple(trace(tides, "mean").y) != feet
    finally:
        tides.close()


def test_a_task_that_cannot_be_drawn_is_named_and_the_lab_goes_on() -> None:
    family = Sinusoid(shots=3)

    class Sometimes:
        """Sinusoids, of which the second held-out task cannot be drawn."""

        sample, loss = family.sample, family.loss

        def portrait(self, task: Any, predictors: Any) -> Any:
            if float(task.info["phase"]) == second:
                raise ZeroDivisionError("no picture of this one")
            return family.portrait(task, predictors)

    second = float("nan")
    session = Session(
        Settings(meta_batch=2, shots=3), model=sinusoid_mlp, tasks=lambda **_: Sometimes()
    )
    second = float(MetaLearner(sinusoid_mlp, family, MAML()).held_out().info["phase"][1])
    lab = Lab(session)
    try:
        first = tuple(trace(lab, "true").y)
        lab.another.click()
        until(lambda: "Drawing failed. ZeroDivisionError: no picture of this" in lab.message.value)
        lab.play.click()
        until(lambda: len(trace(lab, "after adaptation").y) > 3)
        lab.play.click()
        lab.another.click()
        until(lambda: tuple(trace(lab, "true").y) != first)
        until(lambda: "Drawing failed" not in lab.message.value)
    finally:
        lab.close()
