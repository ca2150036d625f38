"""Scheduled changes: made live and headless alike, with a person's own between."""

from dataclasses import replace

import pytest

from labkit import ParameterError
from labkit.session.settings.changes import Change
from tests.session.small_sessions import (
    SMALL,
    Line,
    follows,
    headless,
    same_session,
    small_session,
)

PLAN = (
    (0, "beta", 0.02),
    (2, "alpha_learned", "element"),
    (2, "shots", 2),
    (4, "alpha", 0.1),
    (4, "algorithm", "anil"),
    (6, "meta_optimizer", "sgd"),
)
START = SMALL.changed(events=PLAN)


def line(*log: Change, meta_step: int) -> Line:
    """What changes that are written down come to."""
    whole = Line(SMALL, log, meta_step)
    return replace(whole, chosen=whole.at(meta_step))


def test_they_are_made_live_and_headless() -> None:
    session = small_session(START)
    assert session.settings == SMALL.changed(beta=0.02)
    session.play(until=8)
    session.wait(60)
    session.close()
    live = session.snapshot()
    follows(live, line(*PLAN, meta_step=8))
    fresh = small_session(START)
    fresh.run(8)
    assert same_session(fresh.snapshot(), live)
    assert same_session(headless(session), live)


def test_playing_until_a_meta_step_that_is_past_does_nothing() -> None:
    session = small_session()
    session.run(3)
    session.play(until=3)
    assert not session.playing
    assert session.snapshot().meta_step == 3


def test_one_that_is_due_is_chosen_as_soon_as_its_meta_step_has_come() -> None:
    session = small_session(START)
    session.run(4)
    assert (session.settings.algorithm, session.settings.alpha) == ("anil", 0.1)
    assert [e.meta_step for e in session.snapshot().events] == [0, 2, 2]
    recipe = session.recipe()
    assert recipe.settings.events == PLAN
    assert same_session(headless(session), session.snapshot())


def test_a_persons_changes_go_between() -> None:
    session = small_session(START)
    session.run(3)
    session.set(alpha=0.2, inner_steps=2)
    session.run(5)  # a change of alpha is scheduled at 4
    session.set(beta=0.001)
    session.run(7)
    log = (*PLAN[:3], (3, "alpha", 0.2), (3, "inner_steps", 2), *PLAN[3:5], (5, "beta", 0.001))
    follows(session.snapshot(), line(*log, PLAN[5], meta_step=7))
    assert same_session(headless(session), session.snapshot())


def test_undoing_across_them_keeps_them() -> None:
    session = small_session(START)
    session.run(3)
    session.set(inner_steps=2)
    session.run(7)
    session.undo()
    follows(session.snapshot(), line(*PLAN[:3], meta_step=3))
    assert same_session(headless(session), session.snapshot())
    session.run(8)
    follows(session.snapshot(), line(*PLAN, meta_step=8))
    session.redo()
    assert session.snapshot().meta_step == 7
    session.run(8)
    follows(session.snapshot(), line(*PLAN[:3], (3, "inner_steps", 2), *PLAN[3:], meta_step=8))


def test_undo_without_training_between_keeps_what_was_due_then() -> None:
    session = small_session(START)
    session.run(2)
    session.set(alpha=0.2)
    session.undo()
    assert session.settings == SMALL.changed(beta=0.02, alpha_learned="element", shots=2)


def test_a_fork_keeps_those_that_are_still_to_come() -> None:
    session = small_session(START)
    session.run(7)
    session.fork(4, beta=0.001)
    session.run(7)
    log = (*PLAN[:3], PLAN[3], (4, "beta", 0.001), *PLAN[4:])
    follows(session.snapshot(), line(*log, meta_step=7))
    session.look(5)
    past = session.snapshot()
    assert past.settings.meta_optimizer == "adam"
    assert same_session(replace(headless(session), curve=past.curve, events=past.events), past)
    assert session.recipe().settings.events[-1] == PLAN[-1]


@pytest.mark.parametrize("forking", [False, True])
def test_what_does_not_go_with_them_is_refused_at_once(forking: bool) -> None:
    session = small_session(START)
    session.run(1)
    with pytest.raises(ParameterError, match="alpha = 0 with alpha_learned = 'element'"):
        session.fork(0, alpha=0.0) if forking else session.set(alpha=0.0)
    assert not session.can_undo
    session.run(3)
    follows(session.snapshot(), line(*PLAN[:3], meta_step=3))


@pytest.mark.parametrize("done", [3, 8])
def test_they_come_again_after_a_reset(done: int) -> None:
    session = small_session(START)
    session.run(done)
    session.reset()
    assert session.settings == SMALL.changed(beta=0.02)
    assert session.ahead == PLAN[1:]
    session.run(8)
    follows(session.snapshot(), line(*PLAN, meta_step=8))
    assert same_session(headless(session), session.snapshot())
    session.undo()
    follows(session.snapshot(), line(*[c for c in PLAN if c[0] < done], meta_step=done))


def test_what_somebody_chose_holds_from_the_reset_on_until_another_is_prescribed() -> None:
    session = small_session(START)
    session.run(5)
    session.set(beta=0.5, inner_steps=2, alpha=0.2)
    session.reset()
    start = SMALL.changed(beta=0.5, inner_steps=2, alpha=0.2)
    assert session.settings == start
    session.run(7)
    whole = Line(start, PLAN[1:], 7)
    follows(session.snapshot(), replace(whole, chosen=whole.at(7)))
    assert same_session(headless(session), session.snapshot())


def test_they_come_again_with_another_seed() -> None:
    session = small_session(START)
    session.run(8)
    session.reseed(3)
    session.run(8)
    whole = Line(SMALL.changed(seed=3), PLAN, 8)
    follows(session.snapshot(), replace(whole, chosen=whole.at(8)))


def test_a_reset_says_what_does_not_go_with_them() -> None:
    session = small_session(SMALL.changed(events=[[2, "alpha_learned", "tensor"]]))
    session.run(3)
    session.set(alpha_learned="no")
    session.set(alpha=0.0)
    with pytest.raises(ParameterError, match="alpha = 0 with alpha_learned = 'tensor'"):
        session.reset()
    assert session.snapshot().meta_step == 3
    assert session.settings.alpha == 0
