"""What happens in the middle of something else: a change in a meta-step, a look during a replay."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from labkit import MetaLearner, ParameterError, Settings
from labkit.session.run import InterruptedReplayError, Run
from labkit.session.settings.changes import Change
from labkit.session.timeline import Timeline
from tests.session.small_sessions import SMALL, Line, follows, small_session


def during_a_step(
    monkeypatch: pytest.MonkeyPatch, at: int, action: Callable[[], None], *, failing: bool
) -> None:
    """Do something in another thread in the middle of the meta-step after `at` of them."""
    step = MetaLearner.step

    def interrupted(learner: MetaLearner) -> Any:
        if learner.meta_step == at:
            monkeypatch.setattr(MetaLearner, "step", step)
            other = threading.Thread(target=action, name="maml-lab-test-other")
            other.start()
            other.join(20)
            assert not other.is_alive(), "it waits for the meta-step"
            if failing:
                raise ArithmeticError("as if it had diverged")
        return step(learner)

    monkeypatch.setattr(MetaLearner, "step", interrupted)


@pytest.mark.parametrize("failing", [False, True])
def test_a_change_during_a_meta_step_comes_behind_it(
    monkeypatch: pytest.MonkeyPatch, failing: bool
) -> None:
    session = small_session(SMALL.changed(events=[[4, "shots", 2]]))
    session.run(3)
    session.set(alpha=0.1)
    during_a_step(monkeypatch, 3, lambda: session.set(beta=0.02), failing=failing)
    session.play(until=5)
    session.wait(60)
    if failing:
        assert isinstance(session.snapshot().failure, ArithmeticError)
        session.run(5)
    session.close()
    changed = 3 if failing else 4
    log: tuple[Change, ...] = ((3, "alpha", 0.1), (changed, "beta", 0.02), (4, "shots", 2))
    follows(session.snapshot(), Line(SMALL, log, 5, SMALL.changed(alpha=0.1, beta=0.02, shots=2)))
    session.undo()
    shots = SMALL.shots if failing else 2
    kept = log[:1] * (not failing)
    follows(session.snapshot(), Line(SMALL, kept, changed, SMALL.changed(alpha=0.1, shots=shots)))
    session.undo()
    follows(session.snapshot(), Line(SMALL, (), 3, SMALL))


def test_a_look_that_is_overtaken_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    session = small_session()
    session.run(7)
    during_a_step(monkeypatch, 3, lambda: session.look(2), failing=False)
    session.look(6)
    with pytest.raises(InterruptedReplayError):
        session.snapshot()
    assert session.snapshot().meta_step == 2
    session.look(None)
    session.run(8)
    follows(session.snapshot(), Line(SMALL, (), 8, SMALL))


def test_a_look_shows_how_far_the_run_has_come_since(monkeypatch: pytest.MonkeyPatch) -> None:
    session = small_session()
    session.run(4)
    session.look(2)
    first = session.snapshot()
    assert session.snapshot() is first
    session.run(6)
    session.set(alpha=0.1)
    session.run(7)
    session.look(2)
    second = session.snapshot()
    assert (first.last_step, second.last_step) == (4, 7)
    assert len(second.curve.loss_after) == 7
    assert len(second.events) == 1
    replayed = []
    monkeypatch.setattr(Run, "replay", lambda *args: replayed.append(args))
    assert session.snapshot() is second
    assert not replayed


def test_a_look_pauses_and_no_setting_changes_meanwhile() -> None:
    session = small_session()
    session.run(3)
    session.play()
    session.look(1)
    assert not session.playing
    with pytest.raises(ParameterError, match=r"you are viewing meta-step 1\. Call fork"):
        session.set(alpha=0.1)
    assert session.settings == SMALL
    session.close()


def test_a_step_that_is_asked_for_twice_is_taken_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    session = small_session()
    during_a_step(monkeypatch, 0, lambda: session.step("meta_step"), failing=False)
    session.step()
    session.wait(60)
    assert session.snapshot().meta_step == 2
    during_a_step(monkeypatch, 2, lambda: session.step("task"), failing=False)
    session.step()
    session.wait(60)
    session.close()
    assert (session.snapshot().meta_step, session.snapshot().cursor) == (3, None)


def test_what_falls_due_while_a_change_is_checked_is_not_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session = small_session(SMALL.changed(events=[[1, "shots", 2]]))
    check = Timeline.check

    def slow(timeline: Timeline, settings: Settings) -> None:
        check(timeline, settings)
        session.run(1)

    monkeypatch.setattr(Timeline, "check", slow)
    session.set(alpha=0.1)
    assert session.settings == SMALL.changed(alpha=0.1, shots=2)
    session.undo()
    follows(session.snapshot(), Line(SMALL, (), 1, SMALL.changed(shots=2)))
