"""Any number of views follow one session, and none disturbs another or the training."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from labkit import Session
from labkit.session.subscribers import Subscribers
from tests.session.small_sessions import SMALL, headless, same_session, small_session


class View:
    """A thread that shows a session as the lab's does: it waits for a change, and takes its time.

    Attributes:
        shown: α and meta-step as last drawn.
    """

    def __init__(self, session: Session, seconds: float) -> None:
        self._session, self._seconds = session, seconds
        self._changed, self._closed = threading.Event(), False
        self.shown: tuple[float, int] | None = None
        self._changed.set()
        self._unsubscribe = session.subscribe(self._changed.set)
        self._thread = threading.Thread(target=self._work, name="maml-lab-test-view")
        self._thread.start()

    def close(self) -> None:
        self._unsubscribe()
        self._closed = True
        self._changed.set()
        self._thread.join()

    def _work(self) -> None:
        while True:
            self._changed.wait()
            self._changed.clear()
            if self._closed:
                return
            snapshot = self._session.snapshot()
            time.sleep(self._seconds)
            self.shown = snapshot.settings.alpha, snapshot.meta_step


def reach(condition: Callable[[], object]) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.001)


def all_show(opened: list[View], last: tuple[float, int]) -> bool:
    return all(view.shown == last for view in opened)


@contextmanager
def views(session: Session, *seconds: float) -> Iterator[list[View]]:
    opened = [View(session, each) for each in seconds]
    try:
        yield opened
    finally:
        for view in opened:
            view.close()
        session.close()


def test_slow_and_quick_views_of_one_session_all_show_its_last_state() -> None:
    session = small_session()
    with views(session, 0.02, 0.015, 0.0) as opened:
        for number in range(1, 31):
            alpha = 0.05 + number / 1000
            session.set(alpha=alpha)
            session.play(until=2 * number)
            session.wait()
            last = alpha, 2 * number
            reach(partial(all_show, opened, last))


def test_closing_a_view_leaves_the_others_and_the_training() -> None:
    session = small_session()
    with views(session, 0.01, 0.0) as (one, other):
        session.play()
        reach(lambda: session.last_step > 3)
        one.close()
        gone, steps = one.shown, session.last_step
        reach(lambda: session.last_step > steps + 20)
        assert session.playing
        session.pause()
        session.wait()
        reach(lambda: other.shown == (SMALL.alpha, session.last_step))
        assert one.shown == gone
    assert same_session(headless(session), session.snapshot())


CHANGES: dict[str, Callable[[Session], object]] = {
    "set": lambda session: session.set(alpha=0.2),
    "play": lambda session: session.play(until=session.last_step + 1),
    "pause": lambda session: session.pause(),
    "step": lambda session: session.step("inner_step"),
    "run": lambda session: session.run(5),
    "look": lambda session: session.look(2),
    "fork": lambda session: session.fork(2, beta=0.1),
    "undo": lambda session: session.undo(),
    "redo": lambda session: session.redo(),
    "reset": lambda session: session.reset(),
    "reseed": lambda session: session.reseed(),
    "pin": lambda session: session.pin(),
    "unpin": lambda session: session.unpin(),
    "load": lambda session: session.load(session.recipe()),
    "close": lambda session: session.close(),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_callback_may_wait_for_another_thread_that_reads_and_changes(name: str) -> None:
    session = small_session()
    session.run(4)
    session.set(beta=0.02)
    session.undo()
    inside: list[int] = []
    calls: list[bool] = []

    def elsewhere() -> None:
        session.snapshot()
        session.look(None)
        with_same_value = session.settings.alpha
        session.set(alpha=with_same_value)
        session.recipe()

    def callback() -> None:
        if inside:
            return
        inside.append(0)
        thread = threading.Thread(target=elsewhere, name="maml-lab-test-reader")
        thread.start()
        thread.join(10)
        calls.append(not thread.is_alive())
        inside.clear()

    unsubscribe = session.subscribe(callback)
    CHANGES[name](session)
    unsubscribe()
    session.close()
    assert calls
    assert all(calls), "a lock was held"


def test_every_meta_step_is_told_while_it_plays() -> None:
    session, seen = small_session(), list[int]()
    session.subscribe(lambda: seen.append(session.last_step))
    session.play(until=7)
    session.wait()
    session.close()
    assert set(range(1, 8)) <= set(seen)
    assert seen[-1] == 7


def test_what_a_callback_raises_is_reported_and_disturbs_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reported: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", reported.append)
    session, steps = small_session(), list[int]()

    def broken() -> None:
        raise ValueError("the view is gone")

    session.subscribe(broken)
    session.subscribe(lambda: steps.append(session.last_step))
    session.play(until=5)
    session.wait()
    session.close()
    assert session.snapshot().failure is None
    assert session.last_step == 5
    assert steps[-1] == 5
    assert [str(args.exc_value) for args in reported] == ["the view is gone"]


def test_unsubscribing_twice_ends_one_subscription() -> None:
    subscribers, calls = Subscribers(), list[str]()
    first = subscribers.subscribe(lambda: calls.append("a"))
    subscribers.subscribe(lambda: calls.append("b"))
    first()
    first()
    subscribers.notify()
    assert calls == ["b"]


def test_one_callback_that_was_subscribed_twice_is_called_twice() -> None:
    subscribers, calls = Subscribers(), list[str]()

    def callback() -> None:
        calls.append("a")

    first = subscribers.subscribe(callback)
    subscribers.subscribe(callback)
    subscribers.notify()
    first()
    subscribers.notify()
    assert calls == ["a", "a", "a"]


def test_a_callback_may_unsubscribe_itself_and_others_meanwhile() -> None:
    subscribers, calls = Subscribers(), list[str]()

    def once() -> None:
        calls.append("once")
        end()

    end = subscribers.subscribe(once)
    subscribers.subscribe(lambda: calls.append("always"))
    subscribers.notify()
    subscribers.notify()
    assert calls == ["once", "always", "always"]
