"""The map and the surface as widgets: through the messages that their page would send."""

from collections.abc import Iterator
from typing import Any

import pytest
from torch.testing import assert_close

from labkit import HyperparameterMap, Lab, Session, Settings, StepsSurface, two_rails
from tests.session.test_gradient_monitor import toy_session
from tests.widgets.page import until

GRID = {"alpha": [0.1, 0.2], "beta": [0.1, 0.5]}
SMALL: dict[str, Any] = {"seeds": 1, "meta_steps": 6, "tasks": 2}

Instrument = HyperparameterMap | StepsSurface


@pytest.fixture
def session() -> Iterator[Session]:
    session = toy_session("Two rails")
    yield session
    session.close()


@pytest.fixture
def small(session: Session) -> Iterator[HyperparameterMap]:
    instrument = HyperparameterMap(session, GRID, **SMALL)
    yield instrument
    instrument.close()


def say(instrument: Instrument, **message: Any) -> None:
    instrument.board._handle_custom_msg({"view": "v", "asked": 0, **message}, [])


def press(instrument: Instrument, name: str) -> None:
    say(instrument, kind="press", name=name)


def control(instrument: Instrument, name: str) -> Any:
    return instrument.board.state[name]


def message(instrument: Instrument) -> str:
    state = control(instrument, "message")
    return "" if state["hidden"] else str(state["value"])


def shown_cells(instrument: Instrument) -> Any:
    """The numbers of the cells in the picture that a page gets."""
    return instrument.board.figure("instrument").take_whole()["data"][0]["text"]


def status(instrument: Instrument) -> str:
    return "\n".join(control(instrument, "status")["value"])


def test_it_trains_a_map_and_opens_the_cell_that_is_clicked_on(small: HyperparameterMap) -> None:
    session = small.session
    lab = Lab(session)
    say(small, kind="ready")
    assert "not measured yet" in status(small)
    assert (control(small, "stop")["disabled"], control(small, "open")["disabled"]) == (True, True)
    press(small, "run")
    until(lambda: control(small, "run")["label"] == "Start" and small.view.progress == 1)
    until(lambda: "Best: α = 0.2, β = 0.5" in status(small))
    assert "on 5 new seeds" in status(small)
    assert shown_cells(small)[1][1] == f"{float(small.view.loss[1, 1]):.3g}"
    session.run(2)
    say(small, kind="pick", name="cell", index=2)
    assert message(small) == "Opened α = 0.1, β = 0.5: it trains to 6. Undo leads back"
    session.wait(60)
    assert (session.settings.alpha, session.settings.beta, session.last_step) == (0.1, 0.5, 6)
    until(lambda: lab.alpha == 0.1)  # the lab shows it
    # it is the learner of the map
    cohort = small.work._map.cohorts[0]  # type: ignore[union-attr]
    assert_close(session.snapshot().params, cohort.ensemble.params(2), rtol=1e-9, atol=1e-12)
    session.undo()
    assert (session.settings.alpha, session.last_step) == (0.2, 2)
    press(small, "open")
    session.wait(60)
    assert (session.settings.alpha, session.settings.beta, session.last_step) == (0.2, 0.5, 6)
    say(small, kind="pick", name="cell", index=4)
    assert "there is no cell (2, 0) in a map of 2 × 2" in message(small)
    lab.close()


def test_it_pauses_continues_and_stops(session: Session) -> None:
    instrument = HyperparameterMap(session, GRID, seeds=1, meta_steps=10**6, tasks=2)
    press(instrument, "run")
    until(lambda: instrument.view.progress > 0)
    press(instrument, "run")
    until(lambda: control(instrument, "run")["label"] == "Resume")
    until(lambda: not instrument.running)
    paused = instrument.view.progress
    press(instrument, "run")
    until(lambda: instrument.view.progress > paused)
    press(instrument, "stop")
    until(lambda: instrument.view.judging or instrument.view.progress == 1)
    press(instrument, "stop")
    until(lambda: instrument.view.progress == 1 and not instrument.running)
    session.set(alpha=0.3)
    press(instrument, "run")  # again, with the settings of now
    assert instrument.view.grid.settings.alpha == 0.3
    instrument.close()


def test_it_trains_next_to_a_session_that_plays_and_on_a_closed_one(
    session: Session, small: HyperparameterMap
) -> None:
    session.play()
    small.start()
    until(lambda: small.view.progress == 1 and not small.running)
    assert session.playing
    session.close()
    small.start()
    until(lambda: small.view.progress == 1 and not small.running)
    small.open_cell(0, 1)
    session.wait(60)
    assert session.last_step == 6


@pytest.mark.parametrize(
    ("grid", "words"),
    [
        ({"alpha": [0.1], "beta": [0.1, 0.2]}, "alpha needs at least two different values"),
        ({"alpha": [0.1, -2], "beta": [0.1, 0.2]}, "alpha = -2"),
    ],
    ids=["one value", "below 0"],
)
def test_a_grid_that_cannot_be_is_said_in_the_panel(
    session: Session, grid: Any, words: str
) -> None:
    instrument = HyperparameterMap(session, grid, **SMALL)
    assert words in message(instrument)
    assert control(instrument, "message")["tone"] == "error"
    press(instrument, "run")
    assert words in message(instrument)
    say(instrument, kind="pick", name="cell", index=0)
    assert "there is no cell" in message(instrument)
    with pytest.raises(ValueError, match=words):
        instrument._repr_mimebundle_()  # headless
    session.run(1)  # the session continues
    instrument.close()


def test_what_a_person_s_tasks_raise_is_said_in_the_panel(session: Session) -> None:
    class Moody:
        def __init__(self, shots: int) -> None:
            self._family = two_rails(shots)
            self.loss = self._family.loss

        def sample(self, tasks: int, generator: Any) -> Any:
            if fails:
                raise ZeroDivisionError("not today")
            return self._family.sample(tasks, generator)

    fails = False
    model = session.source.model
    own = Session(Settings(meta_batch=2, shots=1), model=model, tasks=Moody, test_tasks=2)
    instrument = HyperparameterMap(own, GRID, **SMALL)
    fails = True
    press(instrument, "run")
    until(lambda: "ZeroDivisionError: not today" in message(instrument))
    assert not instrument.running
    fails = False
    press(instrument, "run")
    until(lambda: instrument.view.progress == 1)
    instrument.close()
    own.close()


def test_many_cells_and_no_step_are_noted(session: Session) -> None:
    values = [i / 100 for i in range(1, 21)]
    session.set(inner_steps=0)
    instrument = HyperparameterMap(session, {"alpha": values, "beta": values})
    assert message(instrument).startswith("400 cells × 3 seeds are 1,200 learners")
    assert "K = 0: without an inner step α has no effect." in message(instrument)
    assert control(instrument, "message")["tone"] == "note"
    instrument.close()


def test_the_surface_trains_and_opens_a_row(session: Session) -> None:
    surface = StepsSurface(session, (1, 2), test_steps=3, **SMALL)
    press(surface, "run")
    until(lambda: surface.view.progress == 1 and not surface.running)
    until(lambda: "Lowest: after 1 step" in status(surface))
    say(surface, kind="pick", name="cell", index=5)
    session.wait(60)
    assert (session.settings.inner_steps, session.last_step) == (2, 6)
    with pytest.raises(ValueError, match="there is no row 2 in a surface of 2"):
        surface.open_row(2)
    bundle = surface._repr_mimebundle_()
    names = [trace["name"] for trace in bundle["application/vnd.plotly.v1+json"]["data"]]
    assert "joint training" in names
    surface.close()


def test_a_share_beyond_one_is_refused(session: Session) -> None:
    with pytest.raises(ValueError, match="share must be at most 1"):
        HyperparameterMap(session, GRID, share=2)
