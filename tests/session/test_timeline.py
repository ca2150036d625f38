"""Random histories of a session: each equals a plain loop that never undid nor forked anything."""

import copy
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from labkit import Session
from labkit.session import states, timeline
from labkit.session.states import States
from tests.session.small_sessions import (
    SMALL,
    VALUE,
    Line,
    follows,
    headless,
    same,
    same_session,
    small_session,
)

QUICK = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
PART = st.floats(0, 1)
"""Of the way that a session has come."""

ACTIONS = st.one_of(
    st.tuples(st.just("train"), st.integers(1, 3)),
    st.tuples(st.just("train"), st.integers(1, 6)),
    st.tuples(st.just("set"), VALUE),
    st.tuples(st.just("undo"), st.none()),
    st.tuples(st.just("redo"), st.none()),
    st.tuples(st.just("look"), PART),
    st.tuples(st.just("fork"), st.tuples(PART, st.none() | VALUE)),
    st.tuples(st.just("again"), st.none() | st.integers(0, 3)),
)

EVENTFUL: list[tuple[str, Any]] = [
    ("train", 3), ("set", ("alpha_learned", "element")), ("train", 2), ("set", ("shots", 2)),
    ("set", ("meta_optimizer", "sgd")), ("train", 5), ("look", 0.85), ("look", 0.45),
    ("set", ("algorithm", "anil")), ("train", 3), ("look", 0.75), ("fork", (0.9, ("order", 1))),
    ("train", 2), ("look", 0.8), ("fork", (0.4, ("inner_steps", 2))), ("train", 4), ("look", 0.9),
]  # fmt: skip
"""A run with changes of every kind, viewed after them and between."""

BACK_AND_FORTH: list[tuple[str, Any]] = [
    ("train", 3), ("set", ("alpha", 0.1)), ("train", 3), ("set", ("meta_batch", 3)), ("train", 2),
    ("undo", None), ("train", 1), ("redo", None), ("undo", None), ("undo", None), ("redo", None),
    ("redo", None), ("train", 2), ("fork", (0.5, None)), ("train", 2), ("again", 3), ("train", 2),
    ("undo", None), ("undo", None), ("redo", None), ("redo", None), ("undo", None), ("train", 1),
    ("undo", None), ("undo", None), ("undo", None), ("look", 0.7), ("train", 2),
]  # fmt: skip
"""Edits of every kind that are undone and done again, with training between."""


@pytest.fixture
def _few_states(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few that short runs have to be replayed from afar."""
    monkeypatch.setattr(States.__init__, "__defaults__", (2, 10**9))
    monkeypatch.setattr(states, "FIRST_STRIDE", 2)
    monkeypatch.setattr(states, "MOST_MARKS", 1)
    monkeypatch.setattr(timeline, "MOST_STATES_ASIDE", 2)


class Pair:
    """A session, and what a person who wrote everything down expects of it."""

    def __init__(self) -> None:
        self.session: Session = small_session()
        self.line = Line(SMALL)
        self.done: list[Line] = []
        self.undone: list[Line] = []

    def edited(self, line: Line) -> None:
        self.done.append(self.line)
        self.undone.clear()
        self.line = line

    def train(self, meta_steps: int) -> None:
        self.line = self.line.trained(meta_steps)
        self.session.run(self.line.meta_step)

    def set(self, change: tuple[str, Any]) -> None:
        values = dict([change])
        self.session.set(**values)
        chosen = self.line.chosen.changed(**values)
        if chosen != self.line.chosen:
            self.edited(replace(self.line, chosen=chosen))

    def undo(self, _: None) -> None:
        assert self.session.can_undo == bool(self.done)
        self.session.undo()
        if self.done:
            self.undone.append(self.line)
            self.line = self.done.pop()
        follows(self.session.snapshot(), self.line)

    def redo(self, _: None) -> None:
        assert self.session.can_redo == bool(self.undone)
        self.session.redo()
        if self.undone:
            self.done.append(self.line)
            self.line = self.undone.pop()
        follows(self.session.snapshot(), self.line)

    def look(self, part: float) -> None:
        before, at = self.session.snapshot(), round(part * self.line.meta_step)
        self.session.look(at)
        follows(self.session.snapshot(), self.line.until(at))
        self.session.look(None)
        assert same_session(self.session.snapshot(), before)

    def fork(self, how: tuple[float, tuple[str, Any] | None]) -> None:
        part, change = how
        at = round(part * self.line.meta_step)
        values = {} if change is None else dict([change])
        self.session.fork(at, **values)
        line = self.line.until(at)
        self.edited(replace(line, chosen=line.chosen.changed(**values)))
        follows(self.session.snapshot(), self.line)

    def again(self, seed: int | None) -> None:
        if seed is None:
            self.session.reset()
        else:
            self.session.reseed(seed)
        chosen = self.line.chosen.changed(seed=self.line.chosen.seed if seed is None else seed)
        self.edited(Line(chosen, chosen=chosen))


def acted(actions: list[tuple[str, Any]]) -> Pair:
    pair = Pair()
    for name, argument in actions:
        getattr(pair, name)(argument)
    return pair


@QUICK
@given(st.lists(ACTIONS, min_size=5, max_size=16))
@example(EVENTFUL)
@example(BACK_AND_FORTH)
def test_any_history_equals_a_plain_loop(actions: list[tuple[str, Any]]) -> None:
    pair = acted(actions)
    follows(pair.session.snapshot(), pair.line)


@pytest.mark.usefixtures("_few_states")
@QUICK
@given(st.lists(ACTIONS, min_size=5, max_size=16))
@example(EVENTFUL)
@example(BACK_AND_FORTH)
def test_it_does_so_with_few_states(actions: list[tuple[str, Any]]) -> None:
    pair = acted(actions)
    follows(pair.session.snapshot(), pair.line)
    pair.train(2)
    follows(pair.session.snapshot(), pair.line)
    assert same_session(headless(pair.session), pair.session.snapshot())


def test_a_ghost_stays_as_it_was_pinned() -> None:
    session = small_session(SMALL.changed(alpha_learned="element", inner_steps=2))
    session.run(5)
    now = session.pin()
    session.look(3)
    past = session.pin()
    kept = [copy.deepcopy((g.snapshot.params, g.snapshot.alpha)) for g in (now, past)]
    session.look(None)
    session.run(9)
    session.fork(2, alpha_learned="no")
    session.run(6)
    session.reseed()
    session.undo()
    assert session.ghosts == (now, past)
    for ghost, (params, alpha) in zip(session.ghosts, kept, strict=True):
        assert same(ghost.snapshot.params, params)
        assert same(ghost.snapshot.alpha, alpha)
        fresh = small_session(SMALL.changed(alpha_learned="element", inner_steps=2))
        fresh.run(ghost.snapshot.meta_step)
        assert torch.equal(
            session.adaptation_curve(ghost.snapshot).mean,
            fresh.adaptation_curve(fresh.snapshot()).mean,
        )


def test_what_was_undone_can_be_done_again_after_training_and_undone_once_more() -> None:
    session = small_session()
    session.run(3)
    session.set(alpha=0.1)
    session.run(6)
    with_change = session.snapshot()
    session.undo()
    session.run(5)
    without = session.snapshot()
    session.redo()
    assert same_session(session.snapshot(), with_change)
    session.undo()
    assert same_session(session.snapshot(), without)


def test_a_drag_is_undone_as_a_whole() -> None:
    session = small_session()
    session.run(2)
    session.set(alpha=0.1)
    session.run(3)
    for alpha in (0.2, 0.3):
        session.set(joined=True, alpha=alpha)
    session.run(5)
    session.undo()
    follows(session.snapshot(), Line(SMALL, (), 2, SMALL))
    assert not session.can_undo


def test_what_one_drag_changes_while_it_trains_is_one_gesture_in_an_exact_log() -> None:
    session = small_session(SMALL.changed(events=[[6, "alpha", 0.3]]))
    session.run(2)
    session.set(alpha=0.1)
    session.run(3)
    session.set(joined=True, alpha=0.2)
    session.run(5)
    session.set(beta=0.02)
    session.run(6)
    session.set(alpha=0.1)
    session.run(7)
    events = session.snapshot().events
    assert [(e.meta_step, e.name, e.value) for e in events] == [
        (2, "alpha", 0.1), (3, "alpha", 0.2), (5, "beta", 0.02), (6, "alpha", 0.1),
    ]  # fmt: skip
    first, second, beta, later = (event.gesture for event in events)
    assert first == second
    assert len({first, beta, later}) == 3
    assert same_session(headless(session), session.snapshot())
    session.fork(3)
    session.run(4)
    assert [event.gesture for event in session.snapshot().events] == [first, None]


def test_what_was_prescribed_is_no_part_of_a_drag() -> None:
    session = small_session(SMALL.changed(events=[[3, "alpha", 0.3], [5, "alpha", 0.4]]))
    session.run(2)
    session.set(alpha=0.1)
    session.run(6)
    assert [(e.value, e.gesture is None) for e in session.snapshot().events] == [
        (0.1, False),
        (0.3, True),
        (0.4, True),
    ]
