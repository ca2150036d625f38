"""When a view draws, and when it is idle, by a clock of the test's own."""

import threading
from collections.abc import Callable
from itertools import pairwise

import pytest

from labkit.widgets.draw_loop import MAX_CATCH_UP, MIN_REST, DrawLoop, IdleDetector

INTERVAL = 0.1


class Clock:
    """Time that passes only while somebody waits, who wakes a little late."""

    def __init__(self, late: float = 0.0) -> None:
        self.now, self.late = 0.0, late

    def __call__(self) -> float:
        return self.now

    def rest(self, _: threading.Event, seconds: float) -> None:
        self.now += seconds + self.late


def unheard(_: Callable[[], None]) -> Callable[[], None]:
    """A subscription to what never changes."""
    return lambda: None


def begun_at(clock: Clock, takes: dict[int, float]) -> list[float]:
    """When each of the first hundred drawings began; `takes`: number → its seconds."""
    begun: list[float] = []
    ended = threading.Event()

    def draw() -> bool:
        begun.append(clock.now)
        clock.now += takes.get(len(begun), 0.0)
        if len(begun) == 100:
            ended.set()
            loop.close()
        return True

    loop = DrawLoop(unheard, draw, INTERVAL, clock=clock, rest=clock.rest)
    loop.start()
    loop.wake()
    assert ended.wait(30.0)
    return begun


def test_waking_late_costs_no_drawing() -> None:
    begun = begun_at(Clock(late=0.004), {})
    assert (begun[-1] - begun[0]) / 99 == pytest.approx(INTERVAL, rel=1e-3)


def test_a_long_drawing_is_not_followed_by_a_burst() -> None:
    begun = begun_at(Clock(), {50: 1.0})
    pauses = [after - before for before, after in pairwise(begun)]
    assert pauses[49] == pytest.approx(1.0 + MIN_REST * INTERVAL)
    assert min(pauses) >= (1 - MAX_CATCH_UP) * INTERVAL - 1e-9


def test_a_closed_loop_is_subscribed_no_more() -> None:
    callbacks: list[Callable[[], None]] = []

    def subscribe(callback: Callable[[], None]) -> Callable[[], None]:
        callbacks.append(callback)
        return callbacks.clear

    event = threading.Event()

    def draw() -> bool:
        event.set()
        return False

    loop = DrawLoop(subscribe, draw, INTERVAL)
    loop.start()
    callbacks[0]()
    assert event.wait(30.0)
    loop.close()
    assert not callbacks


def test_a_loop_that_never_started_can_be_closed() -> None:
    DrawLoop(unheard, lambda: False, INTERVAL).close()


def test_a_state_is_reached_once_after_it_has_lasted() -> None:
    clock = Clock()
    idle = IdleDetector(1.0, clock)
    assert not idle.waiting
    assert not idle.reached("paused at 10")
    assert idle.waiting
    clock.now += 0.9
    assert not idle.reached("paused at 10")
    clock.now += 0.2
    assert idle.reached("paused at 10")
    assert not idle.waiting
    clock.now += 5
    assert not idle.reached("paused at 10")


def test_every_change_restarts_the_wait() -> None:
    clock = Clock()
    idle = IdleDetector(1.0, clock)
    for alpha in range(10):
        assert not idle.reached(("alpha", alpha))
        clock.now += 0.6
    clock.now += 0.5
    assert idle.reached(("alpha", 9))
    assert not idle.reached(("alpha", 8)), "a state that returns has to last again"
    clock.now += 1.5
    assert idle.reached(("alpha", 8))
