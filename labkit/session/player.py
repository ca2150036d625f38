"""A background thread that takes one step after another, and lets others in between."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from labkit.session.at_exit import close_at_exit

MOST_HELD_SECONDS = 0.1
"""However long it is held, a player takes the next step so long after the last."""

NICE = 10
"""Of the thread that steps, for the system: whoever answers a person goes first."""


class Player:
    """Calls `advance` over and over while playing, each call alone between two visits.

    Args:
        advance: Takes one step. If it raises, playing stops and `failure` holds the exception.
        stepped: Called after every step in the thread that took it, with no lock held.
    """

    def __init__(self, advance: Callable[[], None], stepped: Callable[[], None]) -> None:
        self.failure: BaseException | None = None
        self._advance, self._tell = advance, stepped
        self._playing = False
        self._steps_wanted = 0
        self._thread: threading.Thread | None = None
        self._wake = threading.Condition()  # guards the four fields above
        self._turn = threading.Lock()  # held during a step or a visit
        self._visitors = 0
        self._visitors_lock = threading.Lock()
        self._held_until = self._stepped = 0.0

    @property
    def playing(self) -> bool:
        """Whether steps are being taken, or wanted."""
        return self._playing or self._steps_wanted > 0

    def play(self) -> None:
        """Step until `pause`; while playing, nothing happens."""
        with self._wake:
            if not self._playing:
                self._playing = True
                self._start()

    def step(self) -> None:
        """Take one more step; while playing, nothing happens."""
        with self._wake:
            if not self._playing:
                self._steps_wanted += 1
                self._start()

    def pause(self) -> None:
        """Stop after the step under way; while paused, nothing happens."""
        with self._wake:
            self._rest()

    def close(self) -> None:
        """Pause and end the thread; `play` and `step` start another."""
        with self._wake:
            self._rest()
            thread, self._thread = self._thread, None
            self._wake.notify_all()
        if thread not in {None, threading.current_thread()}:
            thread.join()

    def wait(self, timeout: float) -> None:
        """Return once no step is under way or wanted.

        Raises:
            TimeoutError: That has not come about within `timeout` seconds.
        """
        with self._wake:
            if not self._wake.wait_for(lambda: not self.playing, timeout):
                raise TimeoutError(f"still playing after {timeout} s: pause first")
        with self.visit():
            pass

    @contextmanager
    def visit(self) -> Iterator[None]:
        """A time between two steps; the thread waits until it is over."""
        with self._visitors_lock:
            self._visitors += 1
        try:
            with self._turn:
                yield
        finally:
            with self._visitors_lock:
                self._visitors -= 1

    def hold(self, seconds: float) -> None:
        """Begin no step for a time, but one now and then.

        Args:
            seconds: From now on, in place of what was said before; 0 lets all go on.
        """
        self._held_until = time.monotonic() + seconds

    def _held(self) -> bool:
        now = time.monotonic()
        return self.playing and now < min(self._held_until, self._stepped + MOST_HELD_SECONDS)

    def _start(self) -> None:
        self.failure = None
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._work, name="maml-lab-training", daemon=True
            )
            self._thread.start()
            close_at_exit(self)
        self._wake.notify_all()

    def _rest(self) -> None:
        self._playing, self._steps_wanted = False, 0
        self._wake.notify_all()

    def _work(self) -> None:
        me = threading.current_thread()
        _give_way()
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self.playing or self._thread is not me)
                if self._thread is not me:
                    return
            # a lock is not fair: let those who wait have it first
            while self._visitors or self._held():
                time.sleep(0.0005)
            with self._turn:
                if self.playing:  # a visitor may have paused
                    self._step()
            self._stepped = time.monotonic()
            self._tell()

    def _step(self) -> None:
        try:
            self._advance()
        except BaseException as error:  # noqa: BLE001  # whoever watches shows it; see `failure`
            with self._wake:
                self.failure = error
                self._rest()
            return
        with self._wake:
            self._steps_wanted = max(self._steps_wanted - 1, 0)
            self._wake.notify_all()


def _give_way() -> None:
    """Make this thread a nice one, where single threads can be."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        nice = max(os.getpriority(os.PRIO_PROCESS, thread), NICE)
        os.setpriority(os.PRIO_PROCESS, thread, nice)
