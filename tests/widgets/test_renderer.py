"""The renderer's timing, by a clock that the test moves: nothing here waits."""

from collections.abc import Iterator
from typing import Any

import pytest

from labkit import Session, Settings, Sinusoid, sinusoid_mlp
from labkit.figures import DARK, lab_figures
from labkit.widgets import renderer as module
from labkit.widgets.dashboard import Dashboard
from labkit.widgets.lab_context import ViewState
from labkit.widgets.renderer import (
    BY_HAND_SECONDS,
    EVALUATION_SHARE,
    LONGEST_REST_SECONDS,
    MAX_LAG_SECONDS,
    MOST_CHUNKS,
    MOVING_SECONDS,
    QUICK_SECONDS,
    QUICK_TASKS,
    SENDING_SECONDS,
    SETTLE_SECONDS,
    WHOLE_SHARE,
    Pace,
    Phase,
    Renderer,
    next_phase,
)

SOON = 0.01


class Clock:
    """Time that passes only when the test says so, or somebody sleeps."""

    def __init__(self) -> None:
        self.now, self.slept = 100.0, list[float]()

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class Stage:
    """A renderer on a session that nobody plays, with a note of all that it draws.

    Attributes:
        drawn: Panels since `draw` began; a measurement with its number of held-out tasks.
        overtaken: Whether another request has arrived.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, tasks: int = 30) -> None:
        start = Settings(meta_batch=2, shots=3)
        self.session = Session(start, model=sinusoid_mlp, tasks=Sinusoid, test_tasks=tasks)
        self.clock, self.overtaken, self.measuring_seconds = Clock(), False, 0.0
        self.drawn: list[str] = []
        self.dashboard = Dashboard([], lab_figures(), DARK)
        self.view = ViewState()
        self.renderer = Renderer(
            self.session,
            self.dashboard,
            self.view,
            lambda draw: draw(),
            lambda: self.overtaken,
            clock=self.clock,
            sleep=self.clock.sleep,
        )
        for name in ("adaptation_panel", "show_task", "show_training"):
            monkeypatch.setattr(module, name, self._noted(name, getattr(module, name)))

    def _noted(self, name: str, function: Any) -> Any:
        def noted(*args: Any, **options: Any) -> Any:
            result = function(*args, **options)
            if name == "adaptation_panel":
                self.clock.now += self.measuring_seconds
                self.drawn.append(f"measured {options['part'] or 'all'}")
            else:
                self.drawn.append(name.removeprefix("show_"))
            return result

        return noted

    def draw(self, after: float = SOON) -> bool:
        """Draw so long after the last drawing; True if something is still to follow."""
        self.clock.now += after
        self.drawn.clear()
        return self.renderer.draw(self.session.snapshot())

    def settle(self) -> None:
        """Draw until nothing is left."""
        while self.draw(after=max(SETTLE_SECONDS, BY_HAND_SECONDS) + SOON):
            pass


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    stage = Stage(monkeypatch)
    yield stage
    stage.session.close()
    stage.dashboard.close()


QUICK, ALL = f"measured {QUICK_TASKS}", "measured all"


@pytest.mark.parametrize(
    ("by_hand", "since", "phase"),
    [
        (True, MOVING_SECONDS, Phase.CHANGED),
        (True, MOVING_SECONDS - SOON, Phase.MOVING),
        (False, SETTLE_SECONDS - SOON, Phase.SETTLING),
        (False, SETTLE_SECONDS, Phase.SETTLED),
    ],
)
def test_phases_follow_from_changes_and_the_time_between(
    by_hand: bool, since: float, phase: Phase
) -> None:
    assert next_phase(by_hand=by_hand, since_change=since) is phase


def test_the_first_picture_is_whole(stage: Stage) -> None:
    assert stage.draw(), "all held-out tasks are still to be measured"
    assert stage.renderer.phase is Phase.CHANGED
    assert stage.drawn == [QUICK, "task", "training"]
    assert stage.clock.slept == [SENDING_SECONDS], "the answer is sent before the rest is drawn"


def test_changes_settle_before_all_tasks_are_measured(stage: Stage) -> None:
    stage.settle()
    stage.session.set(alpha=0.02)
    assert stage.draw()
    assert (stage.renderer.phase, stage.drawn[0]) == (Phase.CHANGED, QUICK)
    assert stage.draw(after=SETTLE_SECONDS / 2)
    assert (stage.renderer.phase, stage.drawn) == (Phase.SETTLING, ["training"])
    assert not stage.draw(after=SETTLE_SECONDS)
    assert (stage.renderer.phase, stage.drawn[0]) == (Phase.SETTLED, ALL)
    stage.draw()
    assert stage.drawn == ["training"], "nothing has changed since"


@pytest.mark.parametrize("fast", [True, False])
def test_other_tasks_are_measured_on_as_many_as_there_is_time_for(stage: Stage, fast: bool) -> None:
    """Earlier curves tell less of them."""
    stage.measuring_seconds = QUICK_SECONDS * (0.2 if fast else 2)
    stage.settle()
    stage.session.set(alpha=0.02)
    stage.draw()
    assert stage.drawn[0] == QUICK
    stage.session.set(shots=4)
    stage.draw()
    assert stage.drawn[0] == (ALL if fast else QUICK)


def test_the_number_of_tasks_stays_until_changes_have_settled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = Stage(monkeypatch, tasks=200)
    stage.settle()
    stage.session.set(shots=4)
    stage.measuring_seconds = 0.3  # next time there will be none for so many
    stage.draw()
    assert stage.drawn[0] == f"measured {MOST_CHUNKS * QUICK_TASKS}"
    stage.draw()
    assert not any("measured" in name for name in stage.drawn)
    stage.session.close()
    stage.dashboard.close()


def test_other_tasks_are_all_measured_though_it_plays(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.measuring_seconds = 1.0  # all are not measured again for ten seconds
    stage.settle()
    monkeypatch.setattr(Session, "playing", property(lambda _: True))
    for change, measured in (({"alpha": 0.02}, QUICK), ({"shots": 4}, ALL)):
        stage.session.set(**change)
        stage.draw()
        stage.draw(after=LONGEST_REST_SECONDS + SOON)
        assert stage.drawn[0] == measured, change


@pytest.mark.parametrize("fast", [True, False])
def test_the_untrained_curve_follows_a_change_at_once_if_there_is_time(
    stage: Stage, fast: bool
) -> None:
    stage.measuring_seconds = QUICK_SECONDS * (0.2 if fast else 2)
    stage.settle()

    def shown() -> float:
        assert stage.renderer._panel is not None
        return float(stage.renderer._panel.untrained.mean[-1])

    before = shown()
    stage.session.set(alpha=0.2)
    stage.draw()
    at_once = shown()
    stage.settle()
    if fast:
        assert abs(shown() - at_once) < abs(shown() - before) / 2
    else:
        assert at_once == before != shown()


def test_while_a_slider_moves_the_other_panels_lag_but_not_for_long(stage: Stage) -> None:
    stage.settle()
    panels: list[list[str]] = []
    for number in range(1, 9):
        stage.session.set(alpha=0.02 + number / 1000)
        stage.draw(after=MAX_LAG_SECONDS / 4)
        panels.append(list(stage.drawn))
    assert all(names[0] == QUICK for names in panels), "each value has its curve"
    whole = [number for number, names in enumerate(panels) if "training" in names]
    assert whole == [0, 4]
    assert stage.renderer.phase is Phase.MOVING


def test_a_first_change_is_drawn_whole_and_the_next_ones_rest_gives_way(stage: Stage) -> None:
    stage.settle()
    stage.session.set(alpha=0.02)
    stage.draw()
    assert (stage.renderer.phase, stage.renderer.behind) == (Phase.CHANGED, False)
    stage.session.set(alpha=0.03)
    assert stage.draw()
    assert (stage.renderer.phase, stage.renderer.behind) == (Phase.MOVING, True)
    assert stage.drawn == [QUICK]
    assert stage.draw()
    assert stage.drawn == ["task", "training"], "what was left is drawn, without another change"
    assert not stage.renderer.behind


def test_the_panels_give_way_to_a_request_but_not_for_long(stage: Stage) -> None:
    stage.settle()
    stage.view.by = "seconds"
    stage.draw()
    stage.overtaken = True
    stage.view.task = 1
    assert stage.draw()
    assert (stage.renderer.behind, stage.drawn) == (True, [])
    stage.draw(after=MAX_LAG_SECONDS)
    assert (stage.renderer.behind, stage.drawn) == (False, ["task", "training"])


def test_a_request_ends_the_measuring_on_all_tasks(stage: Stage) -> None:
    stage.settle()
    stage.session.set(alpha=0.02)
    stage.draw()
    stage.overtaken = True
    assert stage.draw(after=SETTLE_SECONDS)
    assert (stage.renderer.behind, stage.drawn) == (True, [])
    stage.overtaken = False
    assert not stage.draw()
    assert stage.drawn == [ALL, "task", "training"]


def test_a_change_by_hand_is_measured_whatever_is_asked_meanwhile(stage: Stage) -> None:
    stage.settle()
    stage.session.set(alpha=0.02)
    stage.overtaken = True
    stage.draw()
    assert stage.drawn[0] == QUICK


def test_training_gives_up_its_share_for_measuring_and_no_more(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.settle()
    stage.measuring_seconds = 0.04
    measured: list[float] = []
    whole = 0
    until = stage.clock.now + 20.0
    while stage.clock.now < until:
        stage.session.run(stage.session.last_step + 1)
        with monkeypatch.context() as playing:
            playing.setattr(Session, "playing", property(lambda _: True))
            stage.draw(after=0.1)
        if {QUICK, ALL} & set(stage.drawn):
            measured.append(stage.clock.now)
            whole += ALL in stage.drawn
    share = len(measured) * stage.measuring_seconds / 20.0
    assert 0.75 * EVALUATION_SHARE < share <= EVALUATION_SHARE * 1.05
    assert 0.5 * WHOLE_SHARE < whole * stage.measuring_seconds / 20.0 <= WHOLE_SHARE * 1.1


def test_a_long_measurement_does_not_stop_the_curves_for_long() -> None:
    clock = Clock()
    pace = Pace(clock)
    begun = pace.now()
    clock.now += 60.0
    pace.note_measurement(begun, tasks=QUICK_TASKS)
    clock.now += LONGEST_REST_SECONDS - SOON
    assert not pace.may_measure()
    clock.now += 2 * SOON
    assert pace.may_measure()


def test_soon_after_a_change_by_hand_training_causes_no_measuring() -> None:
    clock = Clock()
    pace = Pace(clock)
    assert pace.may_measure()
    pace.begin(by_hand=True)
    clock.now += BY_HAND_SECONDS - SOON
    assert not pace.may_measure()
    clock.now += 2 * SOON
    assert pace.may_measure()
