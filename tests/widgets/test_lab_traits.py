"""The lab as a widget: in boxes, observed, linked and set; and several on one session."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import ipywidgets as w
import pytest
import traitlets

from labkit import Lab, Session
from labkit.session import LIVE
from labkit.widgets.lab import LOCKED
from tests.widgets.page import Page, new_session, shown, until

VALUES = {
    "alpha": 0.05,
    "beta": 0.02,
    "inner_steps": 3,
    "order": 1,
    "algorithm": "anil",
    "alpha_learned": "tensor",
    "meta_optimizer": "sgd",
    "meta_batch": 5,
    "shots": 4,
}


@contextmanager
def labs(count: int, **settings: Any) -> Iterator[list[Lab]]:
    """Labs on one session, closed in the end."""
    session = new_session(**settings)
    opened = [Lab(session) for _ in range(count)]
    try:
        yield opened
    finally:
        for lab in opened:
            lab.close()
        session.close()


@pytest.fixture
def lab() -> Iterator[Lab]:
    with labs(1) as (lab,):
        yield lab


def observed(lab: Lab, *names: str) -> list[tuple[str, Any, Any]]:
    """Changes of traits from now on: name, old, new."""
    changes: list[tuple[str, Any, Any]] = []
    lab.observe(lambda change: changes.append((change.name, change.old, change.new)), names)
    return changes


def wait_until_current(page: Page, meta_step: int, alpha: float) -> None:
    """Wait until a lab's page and its traits show this."""
    until(lambda: f"meta-step {meta_step} " in page.status())
    until(lambda: page.control("alpha")["value"] == alpha)
    until(lambda: (page.lab.meta_step, page.lab.alpha) == (meta_step, alpha))


def log(session: Session) -> list[tuple[str, Any]]:
    return [(event.name, event.value) for event in session.snapshot().events]


def test_a_lab_is_a_widget_that_boxes_and_tabs_take(lab: Lab) -> None:
    assert isinstance(lab, w.Widget)
    for box in (w.VBox, w.HBox, w.Tab):
        holder = box([lab, w.Label("next to it")])
        assert holder.children[0] is lab
        holder.close()


@pytest.mark.parametrize(("name", "value"), VALUES.items())
def test_an_assigned_trait_changes_the_session_and_tells_its_observers_once(
    lab: Lab, name: str, value: Any
) -> None:
    session = lab.session
    old, changes = getattr(session.settings, name), observed(lab, name)
    assert getattr(lab, name) == old
    setattr(lab, name, value)
    assert getattr(session.settings, name) == getattr(lab, name) == value
    assert changes == [(name, old, value)]
    until(lambda: lab.dashboard.state[name]["value"] == value)
    session.run(1)
    assert log(session) == [(name, value)]
    assert changes == [(name, old, value)]


def test_the_traits_are_the_live_settings_and_two_more() -> None:
    own = set(Lab.class_trait_names()) - set(w.VBox.class_trait_names())
    assert own == {*LIVE, "playing", "meta_step"}


def test_whole_numbers_become_what_the_session_keeps(lab: Lab) -> None:
    lab.alpha = 1
    assert type(lab.alpha) is float


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("alpha", -1.0, "alpha = -1.0: must be a finite number ≥ 0"),
        ("alpha", "x", "alpha = 'x': must be a finite number ≥ 0"),
        ("inner_steps", 101, "inner_steps = 101: the lab takes at most 100"),
        ("order", True, "order = True: must be 1 or 2"),
        ("algorithm", "magic", "algorithm = 'magic': must be"),
        ("playing", 1, "playing = 1: must be True or False"),
        ("meta_step", 7, "meta_step counts the training and cannot be set"),
    ],
)
def test_a_refused_value_raises_the_labs_sentence_and_changes_nothing(
    name: str, value: Any, words: str
) -> None:
    with shown(new_session()) as page:
        lab = page.lab
        settings, before = lab.session.settings, getattr(lab, name)
        changes = observed(lab, name)
        with pytest.raises(traitlets.TraitError, match=words):
            setattr(lab, name, value)
        assert getattr(lab, name) == before
        assert (lab.session.settings, lab.session.last_step) == (settings, 0)
        assert not lab.session.playing
        assert not lab.session.can_undo
        lab.beta = 0.5  # drawn afterwards
        until(lambda: page.control("beta")["value"] == 0.5)
        assert changes == []


def test_a_setting_cannot_be_assigned_while_the_session_looks_back(lab: Lab) -> None:
    lab.session.run(3)
    lab.session.look(1)
    with pytest.raises(traitlets.TraitError, match="meta-step 1"):
        lab.alpha = 0.05
    assert (lab.alpha, lab.session.settings.alpha) == (0.01, 0.01)


def test_a_lock_holds_for_traits_and_what_is_not_shown_can_be_assigned() -> None:
    session = new_session()
    lab = Lab(session, show=["alpha", "play"], lock=["alpha", "play"])
    try:
        for name, value in (("alpha", 0.05), ("playing", True)):
            with pytest.raises(traitlets.TraitError, match=f"{name} is {LOCKED}"):
                setattr(lab, name, value)
        lab.beta = 0.05
        assert (session.settings.alpha, session.settings.beta) == (0.01, 0.05)
    finally:
        lab.close()
        session.close()


def test_playing_starts_and_pauses_and_meta_step_follows(lab: Lab) -> None:
    steps, playing = observed(lab, "meta_step"), observed(lab, "playing")
    lab.playing = True
    assert lab.session.playing
    until(lambda: len(steps) > 2)
    lab.playing = False
    lab.session.wait()
    assert not lab.session.playing
    until(lambda: lab.meta_step == lab.session.last_step)
    news = [new for _, _, new in steps]
    assert news == sorted(set(news)), "each is reported once"
    assert [old for _, old, _ in steps] == [0, *news[:-1]]
    assert playing == [("playing", False, True), ("playing", True, False)]
    lab.session.look(1)
    until(lambda: lab.meta_step == 1)


def test_a_training_that_stops_by_itself_plays_no_more(lab: Lab) -> None:
    lab.session.play(until=3)
    until(lambda: lab.meta_step == 3 and not lab.playing)


def test_meta_steps_are_told_at_the_rate_of_the_drawing(lab: Lab) -> None:
    steps = observed(lab, "meta_step")
    lab.session.run(60)  # far faster than ten a second
    until(lambda: lab.meta_step == 60)
    assert len(steps) < 30


@pytest.mark.parametrize("by", ["page", "session", "undo", "another lab"])
def test_changes_made_elsewhere_show_in_the_traits(by: str) -> None:
    with labs(2) as (lab, other):
        session = lab.session
        slider = w.FloatSlider(0.01, min=0, max=1, step=0.001)
        link = w.link((slider, "value"), (lab, "alpha"))
        changes = observed(lab, "alpha")
        match by:
            case "page":
                Page(lab).set("alpha", 0.05)
            case "session":
                session.set(alpha=0.05)
            case "another lab":
                other.alpha = 0.05
            case "undo":
                lab.alpha = 0.07
                session.undo()
                until(lambda: lab.alpha == 0.01)
                session.redo()
                until(lambda: lab.alpha == 0.07)
        value = 0.07 if by == "undo" else 0.05
        until(lambda: slider.value == value)
        assert changes[-1][2] == lab.alpha == value
        assert len(changes) == (3 if by == "undo" else 1)
        session.run(1)
        assert log(session) == [("alpha", value)], "the slider's own change is no event"
        session.undo()
        assert not session.can_undo, "nor is it an edit"
        link.unlink()


def test_a_linked_slider_moves_alpha_and_follows_it(lab: Lab) -> None:
    slider = w.FloatSlider(0.03, min=0, max=1, step=0.001)
    link = w.link((slider, "value"), (lab, "alpha"))
    assert lab.session.settings.alpha == 0.03, "as the source has it"
    for value in (0.1, 0.2, 0.3):
        slider.value = value
        assert lab.session.settings.alpha == value
    lab.session.set(alpha=5.0)  # beyond the slider, which stops at its end
    until(lambda: slider.value == 1.0)
    assert lab.alpha == lab.session.settings.alpha == 5.0
    with pytest.raises(traitlets.TraitError, match=r"alpha = -0\.5: must be"):
        lab.alpha = -0.5
    link.unlink()


def test_observers_run_on_the_drawing_thread_and_no_lock_is_held(lab: Lab) -> None:
    """An observer waits for another thread that uses session and lab: nothing hangs."""
    reported = threading.Event()
    names: list[str] = []

    def use() -> None:
        lab.session.snapshot()
        lab.session.set(beta=0.3)
        lab.choose("order", 1)
        lab.inner_steps = 2

    def observer(_: Any) -> None:
        names.append(threading.current_thread().name)
        other = threading.Thread(target=use)
        other.start()
        other.join(20)
        assert not other.is_alive()
        reported.set()

    lab.observe(observer, "alpha")
    lab.session.set(alpha=0.05)
    assert reported.wait(30)
    assert names == ["maml-lab-view"]
    settings = lab.session.settings
    assert (settings.beta, settings.order, settings.inner_steps) == (0.3, 1, 2)
    until(lambda: (lab.beta, lab.order) == (0.3, 1))


def test_an_observer_that_fails_is_named_and_the_lab_goes_on() -> None:
    def fail(_: Any) -> None:
        raise ZeroDivisionError("no observer today")

    with shown(new_session()) as page:
        page.lab.observe(fail, "alpha")
        page.lab.session.set(alpha=0.05)
        words = "An observer of the lab failed. ZeroDivisionError: no observer today"
        until(lambda: page.message() == words)
        page.set("beta", 0.5)
        until(lambda: page.lab.beta == 0.5 and not page.message())


def test_an_observer_may_close_the_lab(lab: Lab) -> None:
    closed = threading.Event()

    def close(_: Any) -> None:
        lab.close()
        closed.set()

    lab.observe(close, "meta_step")
    lab.session.play()
    assert closed.wait(30)
    assert lab.session.playing
    lab._loop._thread.join(30)
    assert not lab._loop._thread.is_alive()


def test_an_old_reading_never_overwrites_an_assignment(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a thread has read the session and not yet stored it, another assigns a value."""
    changes = observed(lab, "alpha")
    read, go_on = threading.Event(), threading.Event()
    settings = Session.settings
    drawing = threading.Thread(target=lab.traits_mirror.refresh)

    def slow(session: Session) -> Any:
        value = settings.fget(session)  # type: ignore[attr-defined]
        if threading.current_thread() is drawing and not read.is_set():
            read.set()
            go_on.wait(20)
        return value

    monkeypatch.setattr(Session, "settings", property(slow))
    drawing.start()
    assert read.wait(20)
    assigning = threading.Thread(target=setattr, args=(lab, "alpha", 0.05))
    assigning.start()
    assigning.join(0.2)
    go_on.set()
    for thread in (drawing, assigning):
        thread.join(20)
    assert lab.alpha == lab.session.settings.alpha == 0.05
    assert changes == [("alpha", 0.01, 0.05)]


@pytest.mark.parametrize("count", [2, 3])
def test_labs_on_one_session_each_stay_current(count: int) -> None:
    with labs(count) as opened, ExitStack() as stack:
        session, pages = opened[0].session, [Page(lab) for lab in opened]
        woken = threading.Event()
        stack.callback(session.subscribe(woken.set))
        for number in range(1, 11):
            value = number / 100 + 0.02
            woken.clear()
            session.set(alpha=value)
            session.run(number)
            assert woken.is_set()
            for page in pages:
                wait_until_current(page, number, value)


def test_closing_a_lab_stops_neither_the_training_nor_the_others() -> None:
    with labs(2) as (lab, other):
        page = Page(other)
        other.playing = True
        until(lambda: lab.playing)
        lab.close()
        assert lab.session.playing
        reached = other.meta_step
        until(lambda: other.meta_step > reached + 2)
        other.alpha = 0.05
        until(lambda: page.control("alpha")["value"] == 0.05)
        assert lab.alpha == 0.01, "a closed lab notices nothing more"


def test_a_lab_that_cannot_be_made_leaves_nothing_behind() -> None:
    before = set(w.widget._instances)
    with pytest.raises(ValueError, match="show must be a list of names"):
        Lab(new_session(), show=["alfa"])
    assert set(w.widget._instances) <= before
