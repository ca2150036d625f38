"""The player's rest while somebody waits, by a clock that the test moves."""

import threading
import time
from collections.abc import Iterator

import pytest

from labkit.session import player as module
from labkit.session.player import MOST_HELD_SECONDS, Player


class Clock:
    """Stands for the module `time`.

    Attributes:
        now: Seconds.
        naps: How often anybody has slept.
    """

    def __init__(self) -> None:
        self.now, self.naps = 1000.0, 0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.naps += 1
        time.sleep(seconds)


class Steps:
    """A player, and how many steps it has taken."""

    def __init__(self) -> None:
        self.taken = 0
        self.player = Player(self._advance, threading.Event())

    def _advance(self) -> None:
        self.taken += 1

    def reach(self, taken: int) -> None:
        """Wait for so many steps."""
        deadline = time.monotonic() + 20
        while self.taken < taken:
            assert time.monotonic() < deadline, "no step was taken"
            time.sleep(0.001)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def steps(clock: Clock) -> Iterator[Steps]:
    steps = Steps()
    yield steps
    steps.player.hold(0)
    steps.player.close()


def rested(clock: Clock, steps: Steps) -> int:
    """Steps taken by now, after a while in which there was none."""
    taken = steps.taken
    deadline = time.monotonic() + 20
    rest = clock.naps + 5
    while clock.naps < rest:
        assert time.monotonic() < deadline, "it does not rest"
        time.sleep(0.001)
    assert steps.taken == taken
    return taken


def test_no_step_begins_while_the_player_is_held(clock: Clock, steps: Steps) -> None:
    steps.player.hold(MOST_HELD_SECONDS / 2)
    steps.player.play()
    steps.reach(1)  # the first is not too soon after another
    assert rested(clock, steps) == 1
    clock.now += MOST_HELD_SECONDS / 2
    steps.reach(50)


def test_zero_lets_it_go_on(clock: Clock, steps: Steps) -> None:
    steps.player.hold(MOST_HELD_SECONDS / 2)
    steps.player.play()
    steps.reach(1)
    assert rested(clock, steps) == 1
    steps.player.hold(0)
    steps.reach(50)


def test_however_long_it_is_held_some_steps_are_taken(clock: Clock, steps: Steps) -> None:
    steps.player.hold(1e6)
    steps.player.play()
    for taken in (1, 2, 3):
        steps.reach(taken)
        assert rested(clock, steps) == taken
        clock.now += MOST_HELD_SECONDS
    steps.player.pause()
    steps.player.wait(20)
