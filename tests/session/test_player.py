"""The player's rest while somebody waits, by a clock that the test moves; and its priority."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from labkit.session import player as module
from labkit.session.locks import SessionLocks
from labkit.session.player import MOST_HELD_SECONDS, NICE, Player


class Clock:
    """Stands for the module `time`.

    Attributes:
        now: Seconds.
        asked: How often it was read.
    """

    def __init__(self) -> None:
        self.now, self.asked = 1000.0, 0

    def monotonic(self) -> float:
        self.asked += 1
        return self.now


class Steps:
    """A player, how many steps it has taken, and its clock."""

    def __init__(self) -> None:
        self.taken, self.clock = 0, Clock()
        self.player = Player(self._advance, lambda: None, SessionLocks())

    def _advance(self) -> None:
        self.taken += 1

    def reach(self, count: int) -> None:
        """Wait for so many steps."""
        deadline = time.monotonic() + 20
        while self.taken < count:
            assert time.monotonic() < deadline, "no step was taken"
            time.sleep(0.001)

    def rest(self) -> None:
        """Wait for a while in which there must be no step."""
        before, rested = self.taken, self.clock.asked + 2
        deadline = time.monotonic() + 20
        while self.clock.asked < rested:
            assert time.monotonic() < deadline, "it does not rest"
            time.sleep(0.001)
        assert self.taken == before


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Iterator[Steps]:
    steps = Steps()
    monkeypatch.setattr(module, "time", steps.clock)
    yield steps
    steps.player.hold(0)
    steps.player.close()


def test_no_step_begins_while_the_player_is_held(steps: Steps) -> None:
    steps.player.hold(MOST_HELD_SECONDS / 2)
    steps.player.play()
    steps.reach(1)  # the first is not too soon after another
    steps.rest()
    assert steps.taken == 1
    steps.clock.now += MOST_HELD_SECONDS / 2
    steps.reach(50)


def test_zero_lets_it_go_on(steps: Steps) -> None:
    steps.player.hold(MOST_HELD_SECONDS / 2)
    steps.player.play()
    steps.reach(1)
    steps.rest()
    assert steps.taken == 1
    steps.player.hold(0)
    steps.reach(50)


def test_however_long_it_is_held_some_steps_are_taken(steps: Steps) -> None:
    steps.player.hold(1e6)
    steps.player.play()
    for count in (1, 2, 3):
        steps.reach(count)
        steps.rest()
        assert steps.taken == count
        steps.clock.now += MOST_HELD_SECONDS


def test_a_player_that_is_held_can_be_closed(steps: Steps) -> None:
    steps.player.hold(1e6)
    steps.player.play()
    steps.reach(1)
    steps.rest()
    closing = threading.Thread(target=steps.player.close)
    closing.start()
    closing.join(20)
    assert not closing.is_alive()
    assert steps.taken == 1


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no single thread has a priority")
def test_the_thread_that_steps_gives_way_and_no_other_does() -> None:
    def nice() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    before, values = nice(), list[int]()
    player = Player(lambda: values.append(nice()), lambda: None, SessionLocks())
    player.step()
    player.wait(10)
    player.close()
    assert values == [max(before, NICE)]
    assert nice() == before


def test_the_interpreter_ends_while_it_plays() -> None:
    """A thread that comes back from torch when Python is gone would abort the process."""
    script = """
import time, torch, labkit
from labkit.training import engine
engine.RECORDED_AFTER = 1
session = labkit.Session(labkit.Settings(), model=labkit.sinusoid_mlp, tasks=labkit.Sinusoid)
session.play()
while session.last_step < 3:
    time.sleep(0.01)
"""
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=120
    )
    assert (ended.returncode, ended.stderr) == (0, "")
