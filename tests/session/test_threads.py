"""Many threads at one session: no exception, no deadlock, and what comes out is its recipe."""

import random
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
import torch
from torch import nn

from labkit import Session
from labkit.session.run import InterruptedReplayError
from labkit.session.settings.changes import LIVE
from labkit.session.settings.settings import ParameterError
from tests.session.small_sessions import SMALL, VALUES, headless, same_session, small_session, tiny

Action = Callable[[Session, random.Random], object]


@pytest.fixture(autouse=True)
def _switching_often() -> Iterator[None]:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(interval)


def change(session: Session, chance: random.Random) -> None:
    name = chance.choice(LIVE)
    with suppress(ParameterError):  # it may be viewing an earlier meta-step
        session.set(joined=chance.random() < 0.3, **{name: chance.choice(VALUES[name])})


def play(session: Session, chance: random.Random) -> None:
    session.play(until=session.last_step + chance.randint(1, 9))


def look(session: Session, chance: random.Random) -> None:
    with suppress(ValueError):  # the run may be shorter by now
        session.look(chance.choice([None, chance.randint(0, session.last_step)]))


def fork(session: Session, chance: random.Random) -> None:
    with suppress(ValueError):
        session.fork(chance.randint(0, session.last_step), alpha=chance.choice(VALUES["alpha"]))


def watch(session: Session, chance: random.Random) -> None:
    with suppress(InterruptedReplayError):
        snapshot = session.snapshot()
        assert len(snapshot.curve.meta_step) <= 200
        assert 0 <= snapshot.meta_step <= snapshot.last_step
        curve = session.adaptation_curve(snapshot)
        assert len(curve.mean) == max(1, snapshot.settings.inner_steps) + 1
        assert len(session.untrained_curve(snapshot).mean) == len(curve.mean)
        session.portrait(snapshot, chance.randint(0, 2))
        session.editable(snapshot)
    assert len(session.training_curve().meta_step) >= 0
    session.recipe()


def walk(session: Session, chance: random.Random) -> None:
    session.step(chance.choice(["inner_step", "task", "meta_step"]))


def pin(session: Session, chance: random.Random) -> None:
    with suppress(InterruptedReplayError):
        ghost = session.pin()
        if chance.random() < 0.5:
            session.unpin(ghost)


def chosen(*actions: Action) -> Action:
    return lambda session, chance: chance.choice(actions)(session, chance)


THREADS: list[Action] = [
    chosen(change, change, play, walk),
    chosen(look, play, lambda session, _: session.pause()),
    chosen(lambda session, _: session.undo(), lambda session, _: session.redo()),
    chosen(fork, pin, change, lambda session, _: session.reset(), play),
    watch,
    watch,
]


@pytest.mark.parametrize("seed", range(3))
def test_random_actions_of_many_threads(seed: int) -> None:
    session = small_session()
    wrong: list[BaseException] = []

    def act(action: Action, number: int) -> None:
        chance = random.Random(100 * seed + number)
        try:
            for _ in range(40):
                action(session, chance)
        except BaseException as error:
            wrong.append(error)
            raise

    threads = [
        threading.Thread(target=act, args=(action, number), name=f"maml-lab-test-{number}")
        for number, action in enumerate(THREADS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert not any(thread.is_alive() for thread in threads), "they wait for one another"
    session.close()
    session.look(None)
    assert not wrong
    live = session.snapshot()
    assert live.failure is None
    assert same_session(headless(session), live)
    while session.can_undo:
        session.undo()
        assert same_session(headless(session), session.snapshot())


def dropping(generator: torch.Generator) -> nn.Module:
    return nn.Sequential(tiny(generator), nn.Dropout(0.5))


def test_watching_does_not_change_the_masks_of_dropout() -> None:
    """Modules know only torch's global generator, which is one for all threads."""
    session = small_session(SMALL.changed(meta_batch=9), model=dropping)
    snapshot = session.snapshot()
    session.play(until=60)
    while session.playing:
        session.adaptation_curve(snapshot)
    session.close()
    quiet = small_session(SMALL.changed(meta_batch=9), model=dropping)
    quiet.run(60)
    assert same_session(quiet.snapshot(), session.snapshot())
