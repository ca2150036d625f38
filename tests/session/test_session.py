"""The session: playing live gives what running headless gives; nothing is harmed on the way."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import torch

from labkit import (
    MAML,
    ClassificationSettings,
    DivergedError,
    Emoji,
    Event,
    ImagePortrait,
    MetaLearner,
    ParameterError,
    Session,
    Settings,
    Sinusoid,
    Snapshot,
    conv4,
    sinusoid_mlp,
)
from labkit.session.settings.changes import LIVE
from labkit.session.threads import threads

SMALL = Settings(meta_batch=2, shots=3)


@pytest.fixture
def session() -> Iterator[Session]:
    session = Session(SMALL, model=sinusoid_mlp, tasks=Sinusoid)
    yield session
    session.close()


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.002)


def play_to(session: Session, meta_step: int) -> Snapshot:
    session.play()
    until(lambda: session.snapshot().meta_step >= meta_step)
    session.pause()
    session.wait()
    return session.snapshot()


def equal(one: Snapshot, two: Snapshot) -> bool:
    return one.meta_step == two.meta_step and all(
        torch.equal(p, two.params[name]) for name, p in one.params.items()
    )


def test_live_equals_headless_with_its_events_replayed(session: Session) -> None:
    play_to(session, 5)
    session.set(alpha=0.05, order=1)
    play_to(session, 10)
    session.set(inner_steps=2)
    session.set(inner_steps=3)
    session.set(beta=0.01)
    live = play_to(session, 15)

    replay = Session(SMALL, model=sinusoid_mlp, tasks=Sinusoid)
    for event in live.events:
        replay.run(event.meta_step)
        values: dict[str, Any] = {event.name: event.value}
        replay.set(**values)
    replay.run(live.meta_step)
    headless = replay.snapshot()
    assert equal(live, headless)
    assert live.events == headless.events
    assert [(e.name, e.value) for e in live.events] == [
        ("alpha", 0.05),
        ("order", 1),
        ("beta", 0.01),
        ("inner_steps", 3),
    ]
    assert live.curve.loss_after.tolist() == headless.curve.loss_after.tolist()


def test_session_trains_as_the_learner_does(session: Session) -> None:
    session.run(4)
    learner = MetaLearner(sinusoid_mlp, Sinusoid(shots=3), MAML(), meta_batch=2)
    with threads(session.threads):  # products of matrices may depend on it in their last digit
        steps = learner.train(4)
    snapshot = session.snapshot()
    assert all(torch.equal(p, snapshot.params[name]) for name, p in learner.params.items())
    assert snapshot.curve.loss_before.tolist() == [step.loss_before for step in steps]
    assert snapshot.curve.loss_after.tolist() == [step.loss_after for step in steps]


def test_all_settings_reach_the_training() -> None:
    """Every field but `meta_steps` changes what is learned, at the start and on the way."""
    changes: dict[str, Any] = {
        "alpha": 0.1,
        "beta": 0.1,
        "inner_steps": 2,
        "order": 1,
        "shots": 4,
        "meta_batch": 3,
        "meta_optimizer": "sgd",
        "algorithm": "anil",
        "alpha_learned": "scalar",
        "seed": 1,
        "events": [[1, "alpha", 0.1]],
    }
    assert changes.keys() | {"meta_steps"} == Settings.model_fields.keys()

    def trained(settings: Settings, **later: Any) -> Snapshot:
        session = Session(settings, model=sinusoid_mlp, tasks=Sinusoid, dtype=torch.float64)
        session.run(1)
        session.set(**later)
        session.run(2)
        return session.snapshot()

    base = trained(SMALL)
    for name, value in changes.items():
        assert not equal(trained(SMALL.changed(**{name: value})), base), name
        if name in LIVE:
            assert not equal(trained(SMALL, **{name: value}), base), name


def test_double_start_and_double_pause_are_harmless(session: Session) -> None:
    for _ in range(3):
        session.play()
    until(lambda: session.snapshot().meta_step >= 3)
    for _ in range(3):
        session.pause()
    session.wait()
    rested = session.snapshot()
    time.sleep(0.05)
    assert equal(session.snapshot(), rested)
    assert not rested.playing
    assert rested.rate == 0.0


def test_step_takes_one_step(session: Session) -> None:
    session.step()
    session.wait()
    assert session.snapshot().meta_step == 1
    session.step()
    session.step()
    session.wait()
    assert session.snapshot().meta_step == 3
    session.play()
    session.step()
    assert play_to(session, 5).meta_step >= 5


def test_reset_keeps_the_seed_and_the_settings(session: Session) -> None:
    first = play_to(session, 3)
    session.set(alpha=0.5)
    session.play()
    session.reset()
    again = session.snapshot()
    assert (again.meta_step, again.events, again.playing) == (0, (), False)
    assert again.curve.meta_step.size == 0
    assert again.settings.alpha == 0.5
    session.set(alpha=SMALL.alpha)
    session.run(first.meta_step)
    assert equal(session.snapshot(), first)


def test_values_that_do_not_hold_for_a_step_leave_no_event(session: Session) -> None:
    session.run(2)
    session.set(alpha=0.3)
    session.set(alpha=SMALL.alpha)
    session.run(3)
    assert session.snapshot().events == ()
    session.set(alpha=0.3)
    session.run(4)
    assert session.snapshot().events == (Event(3, "alpha", 0.3),)


def test_bad_changes_are_refused_and_change_nothing(session: Session) -> None:
    with pytest.raises(ParameterError, match="alpha = -1: must be"):
        session.set(alpha=-1)
    with pytest.raises(ParameterError, match="seed decides how a session begins"):
        session.set(seed=5)
    with pytest.raises(ParameterError, match="shots = 0: must be"):
        session.set(shots=0)
    with pytest.raises(ParameterError, match="there is no parameter"):
        session.set(gamma=1)
    assert session.settings == SMALL
    assert not session.can_undo


def test_a_failure_stops_the_player_and_is_told(session: Session) -> None:
    session.run(2)
    before = session.snapshot()
    session.set(alpha=1e30, inner_steps=3)
    session.play()
    session.wait()
    stopped = session.snapshot()
    assert isinstance(stopped.failure, DivergedError)
    assert not stopped.playing
    assert equal(stopped, before)
    assert stopped.events == ()
    # with a value that works, it continues from the last good state
    session.set(alpha=0.01, inner_steps=1)
    after = play_to(session, 4)
    assert after.failure is None


def test_an_exit_in_the_model_stops_the_player(session: Session, monkeypatch: Any) -> None:
    def leave(*_: object) -> None:
        raise SystemExit(3)

    monkeypatch.setattr(MetaLearner, "step", leave)
    session.play()
    session.wait()
    assert isinstance(session.snapshot().failure, SystemExit)
    monkeypatch.undo()
    assert play_to(session, 2).failure is None


def test_tasks_are_made_from_shots() -> None:
    with pytest.raises(ValueError, match="tasks must be a function from shots"):
        Session(SMALL, model=sinusoid_mlp, tasks=Sinusoid())  # type: ignore[arg-type]


def test_run_raises_what_the_training_raises(session: Session) -> None:
    session.set(alpha=1e30, inner_steps=3)
    with pytest.raises(DivergedError):
        session.run(1)


@pytest.mark.parametrize("meta_steps", [2.5, -1, "3", True])
def test_run_to_what_is_no_number_of_meta_steps(session: Session, meta_steps: Any) -> None:
    with pytest.raises(ValueError, match="meta_steps must be a whole number ≥ 0"):
        session.run(meta_steps)
    assert session.last_step == 0


def test_run_is_refused_while_playing(session: Session) -> None:
    session.play()
    with pytest.raises(RuntimeError, match="the session is playing: pause it"):
        session.run(3)


def test_wait_does_not_wait_for_ever(session: Session) -> None:
    session.play()
    with pytest.raises(TimeoutError, match="pause first"):
        session.wait(timeout=0.05)


def test_a_closed_session_can_be_played_again(session: Session) -> None:
    play_to(session, 2)
    session.close()
    session.close()
    assert play_to(session, 4).meta_step >= 4


def test_watching_does_not_change_the_training(session: Session) -> None:
    """Curves are measured from one thread while another trains on the same model."""
    session.play()
    curves = []
    while session.snapshot().meta_step < 40:
        snapshot = session.snapshot()
        curves.append((snapshot, session.adaptation_curve(snapshot)))
        session.untrained_curve(snapshot)
        session.portrait(snapshot, task=2)
    session.pause()
    session.wait()
    live = session.snapshot()
    quiet = Session(SMALL, model=sinusoid_mlp, tasks=Sinusoid)
    quiet.run(live.meta_step)
    assert equal(quiet.snapshot(), live)
    for snapshot, curve in curves[:: max(1, len(curves) // 3)]:
        quiet.reset()
        quiet.run(snapshot.meta_step)
        assert torch.equal(quiet.adaptation_curve(quiet.snapshot()).mean, curve.mean)


def test_snapshots_do_not_wait_long(session: Session) -> None:
    """The trainer lets those in who wait, although a lock alone is not fair."""
    session.play()
    until(lambda: session.snapshot().meta_step > 0)
    seen = [session.snapshot().meta_step for _ in range(20)]
    assert seen[-1] - seen[0] <= 60


def test_untrained_curve_follows_alpha(session: Session) -> None:
    session.run(3)
    first = session.untrained_curve(session.snapshot())
    session.set(alpha=0.5)
    second = session.untrained_curve(session.snapshot())
    assert float(first.mean[0]) == float(second.mean[0])
    assert float(first.mean[1]) != float(second.mean[1])
    session.set(alpha=SMALL.alpha)
    session.reset()
    at_start = session.adaptation_curve(session.snapshot())
    assert torch.equal(session.untrained_curve(session.snapshot()).mean, at_start.mean)


def few_shot(**options: Any) -> Session:
    usual: dict[str, Any] = {
        "settings": ClassificationSettings(ways=3, meta_batch=2, alpha=0.4),
        "model": partial(conv4, ways=3, channels=3, filters=4),
        "tasks": Emoji,
        "batch_norm": "transductive",
        "test_tasks": 8,
        "test_steps": 2,
    }
    return Session(**(usual | options))


def test_live_curves_are_of_validation_classes_and_results_of_test_classes() -> None:
    session = few_shot()
    session.run(2)
    snapshot = session.snapshot()
    learner = MetaLearner(
        partial(conv4, ways=3, channels=3, filters=4),
        Emoji(3),
        MAML(alpha=0.4),
        meta_batch=2,
        batch_norm="transductive",
    )
    learner.train(2)
    for split in ("validation", "test"):
        expected = learner.adaptation_curve(2, tasks=8, family=Emoji(3, split=split))
        live = session.adaptation_curve(snapshot, split=split)
        assert torch.equal(live.mean, expected.mean)
        assert torch.equal(live.metrics["accuracy"].mean, expected.metrics["accuracy"].mean)
    assert torch.equal(
        session.adaptation_curve(snapshot).mean,
        session.adaptation_curve(snapshot, split="validation").mean,
    )


def test_size_of_live_curves() -> None:
    session = few_shot(test_tasks=5, test_steps=1)
    curve = session.adaptation_curve(session.snapshot())
    assert (curve.tasks, len(curve.mean)) == (5, 2)
    session.set(inner_steps=3)  # as far as training goes, in any case
    assert len(session.adaptation_curve(session.snapshot()).mean) == 4
    assert session.adaptation_curve(session.snapshot(), tasks=7).tasks == 7
    session.set(inner_steps=1)
    assert len(session.untrained_curve(session.snapshot()).mean) == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"batch_norm": "per_step"}, "batch_norm must be 'transductive' or None"),
        ({"test_tasks": 0}, "test_tasks must be a whole number ≥ 1"),
        ({"test_steps": 0}, "test_steps must be a whole number ≥ 1"),
    ],
)
def test_bad_options(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        few_shot(**options)


@pytest.mark.parametrize(
    ("tasks", "words"),
    [
        (Sinusoid, "tasks must take ways, shots by name, as ClassificationSettings has them"),
        (Emoji(3), "tasks must be a function from ways, shots to a task family"),
    ],
)
def test_tasks_that_do_not_fit_the_settings(tasks: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        few_shot(tasks=tasks)


def test_more_ways_than_a_split_has_classes_is_said_before_the_training() -> None:
    with pytest.raises(ValueError, match="no validation tasks can be drawn: ways=159, but there"):
        few_shot(
            settings=ClassificationSettings(ways=159, meta_batch=1),
            model=partial(conv4, ways=159, channels=3, filters=2),
        )


def test_tasks_have_the_ways_and_shots_of_the_settings() -> None:
    session = few_shot(settings=ClassificationSettings(ways=3, shots=2, meta_batch=2, alpha=0.1))
    session.run(1)
    portrait = session.portrait(session.snapshot())
    assert isinstance(portrait, ImagePortrait)
    assert portrait.support.shape[:2] == (3, 2)
