"""When the one thread draws, by a clock of the test's own."""

import threading
from collections.abc import Callable
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from labkit.widgets import publisher

INTERVAL = 0.1


class Clock:
    """Time that passes only while somebody waits, who wakes a little late."""

    def __init__(self, late: float) -> None:
        self.now, self.late = 0.0, late

    def monotonic(self) -> float:
        return self.now


def begun_at(monkeypatch: pytest.MonkeyPatch, clock: Clock, takes: dict[int, float]) -> list[float]:
    """When each of the first hundred drawings began; `takes`: number → its seconds."""

    class Event(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            if timeout is None:
                return super().wait(30.0)
            clock.now += timeout + clock.late
            return False

    monkeypatch.setattr(publisher, "time", clock)
    monkeypatch.setattr(
        publisher, "threading", SimpleNamespace(**vars(threading) | {"Event": Event})
    )
    begun: list[float] = []
    ended = threading.Event()
    drawing: list[Any] = []

    def draw() -> bool:
        begun.append(clock.now)
        clock.now += takes.get(len(begun), 0.0)
        if len(begun) == 100:
            ended.set()
            drawing[0].close()
        return True

    ready = threading.Event()

    def subscribe(_: Callable[[], None]) -> Callable[[], None]:
        return lambda: None

    def first_draw() -> bool:
        assert ready.wait(30.0)
        return draw()

    drawing.append(publisher.Publisher(subscribe, first_draw, INTERVAL))
    ready.set()
    assert ended.wait(30.0)
    return begun


def test_waking_late_costs_no_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = begun_at(monkeypatch, Clock(late=0.004), {})
    assert (begun[-1] - begun[0]) / 99 == pytest.approx(INTERVAL, rel=1e-3)


def test_a_long_drawing_is_not_followed_by_a_burst(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = begun_at(monkeypatch, Clock(late=0.0), {50: 1.0})
    pauses = [after - before for before, after in pairwise(begun)]
    rest = publisher.LEAST_REST * INTERVAL
    assert pauses[49] == pytest.approx(1.0 + rest)
    assert min(pauses) >= (1 - publisher.MOST_MADE_UP) * INTERVAL - 1e-9
