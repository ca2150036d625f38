"""A background thread that takes one meta-step after another, and lets others in between."""

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import final

from labkit.session.locks import SessionLocks
from labkit.session.threads import close_at_exit

MOST_HELD_SECONDS = 0.1
"""However long it is held, a player takes the next step so long after the last."""

RATE_SECONDS = 2.0
"""The rate is that of the last steps, over no more than this."""

NICE = 10
"""Priority of the thread that steps, for the system: whoever answers a person goes first."""


@final
class Player:
    """Calls `advance` over and over while playing, each time with the turn of the session.

    Args:
        advance: Takes one step. If it raises, playing stops and `failure` holds the exception.
        stepped: Called after every step in the thread that took it, with no lock held.
        locks: Of the session; the condition of its turn guards the player's fields.
    """

    def __init__(
        self, advance: Callable[[], None], stepped: Callable[[], None], locks: SessionLocks
    ) -> None:
        self.failure: BaseException | None = None
        self._advance, self._notify = advance, stepped
        self._turn, self._condition = locks.turn, locks.turn.condition
        self._playing = False
        self._steps_wanted = 0
        self._thread: threading.Thread | None = None
        self._held_until = self._stepped = 0.0
        self._recent: deque[float] = deque()

    @property
    def playing(self) -> bool:
        """Whether steps are being taken, or wanted."""
        return self._playing or self._steps_wanted > 0

    @property
    def rate(self) -> float:
        """Steps per second lately, 0 while paused."""
        with self._condition:
            if not self.playing or len(self._recent) < 2:
                return 0.0
            return (len(self._recent) - 1) / (self._recent[-1] - self._recent[0])

    def play(self) -> None:
        """Step until `pause`; while playing, nothing happens."""
        with self._condition:
            if not self._playing:
                self._playing = True
                self._start()

    def step(self) -> None:
        """Take one more step; while playing, nothing happens."""
        with self._condition:
            if not self._playing:
                self._steps_wanted += 1
                self._start()

    def pause(self) -> None:
        """Stop after the step under way; while paused, nothing happens."""
        with self._condition:
            self._stop()

    def forget(self) -> None:
        """Forget the failure and the rate: something other than training has happened."""
        with self._condition:
            self.failure = None
            self._recent.clear()

    def close(self) -> None:
        """Pause and end the thread; `play` and `step` start another."""
        with self._condition:
            self._stop()
            thread, self._thread = self._thread, None
        if thread not in {None, threading.current_thread()}:
            thread.join()

    def wait(self, timeout: float) -> None:
        """Return once no step is under way or wanted.

        Raises:
            TimeoutError: It still plays after `timeout` seconds.
        """
        with self._condition:
            if not self._condition.wait_for(lambda: not self.playing, timeout):
                raise TimeoutError(f"still playing after {timeout} s: pause first")
        with self._turn.visit():
            pass

    def hold(self, seconds: float) -> None:
        """Begin no step for a time, except one now and then.

        Args:
            seconds: From now on, in place of an earlier hold; 0 ends it.
        """
        with self._condition:
            self._held_until = time.monotonic() + seconds
            self._condition.notify_all()

    def _rest_left(self) -> float:
        return min(self._held_until, self._stepped + MOST_HELD_SECONDS) - time.monotonic()

    def _start(self) -> None:
        self.failure = None
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._work, name="maml-lab-training", daemon=True
            )
            self._thread.start()
            close_at_exit(self)
        self._condition.notify_all()

    def _stop(self) -> None:
        self._playing, self._steps_wanted = False, 0
        self._condition.notify_all()

    def _work(self) -> None:
        me = threading.current_thread()
        _give_way()
        while True:
            with self._turn.step(
                due=lambda: self.playing,
                ended=lambda: self._thread is not me,
                rest=self._rest_left,
            ) as due:
                if not due:
                    return
                self._step()
            self._notify()

    def _step(self) -> None:
        failure: BaseException | None = None
        try:
            self._advance()
        except BaseException as error:  # noqa: BLE001  # whoever watches shows it; see `failure`
            failure = error
        with self._condition:
            self._stepped = time.monotonic()
            if failure is not None:
                self.failure = failure
                self._stop()
                return
            self._steps_wanted = max(self._steps_wanted - 1, 0)
            self._recent.append(self._stepped)
            while self._recent[-1] - self._recent[0] > RATE_SECONDS:
                self._recent.popleft()
            self._condition.notify_all()


def _give_way() -> None:
    """Lower the priority of this thread, on systems where single threads have one."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        nice = max(os.getpriority(os.PRIO_PROCESS, thread), NICE)
        os.setpriority(os.PRIO_PROCESS, thread, nice)
