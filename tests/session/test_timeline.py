"""Random histories of a session: each equals a plain loop that never undid nor forked anything."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
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
    st.tuples(st.just("train"), st.integers(1, 4)),
    st.tuples(st.just("set"), VALUE),
    st.tuples(st.just("undo"), st.none()),
    st.tuples(st.just("redo"), st.none()),
    st.tuples(st.just("look"), PART),
    st.tuples(st.just("fork"), st.tuples(PART, st.none() | VALUE)),
    st.tuples(st.just("again"), st.none() | st.integers(0, 3)),
)


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
@given(st.lists(ACTIONS, max_size=14))
def test_any_history_equals_a_plain_loop(actions: list[tuple[str, Any]]) -> None:
    pair = acted(actions)
    follows(pair.session.snapshot(), pair.line)


@pytest.mark.usefixtures("_few_states")
@QUICK
@given(st.lists(ACTIONS, max_size=14))
def test_it_does_so_with_few_states(actions: list[tuple[str, Any]]) -> None:
    pair = acted(actions)
    follows(pair.session.snapshot(), pair.line)
    pair.train(2)
    follows(pair.session.snapshot(), pair.line)
    assert same_session(headless(pair.session), pair.session.snapshot())
