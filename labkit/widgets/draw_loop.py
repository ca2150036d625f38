"""When a view draws: a thread that redraws at a bounded rate, and a detector of idle moments."""

import threading
import time
from collections.abc import Callable, Hashable

from labkit.session import close_at_exit

MIN_REST = 0.2
"""Rest after a call, as a share of the interval."""

MAX_CATCH_UP = 0.5
"""How late a call may be, as a share of the interval, for the next to catch up."""

Subscribe = Callable[[Callable[[], None]], Callable[[], None]]
"""Takes a callback for changes, and returns what ends the subscription."""


class DrawLoop:
    """Calls `draw` after a change, at most once in `interval` seconds on average, or when hurried.

    Args:
        subscribe: As `Session.subscribe`.
        draw: Shows what there is to show; True if something is left for the next call.
        interval: Mean time from the beginning of a call to that of the next, at least, seconds;
            some of it is left to others even where a call takes as long.
        clock: Seconds that only grow.
        rest: Waits for an event, for at most so many seconds.
    """

    def __init__(
        self,
        subscribe: Subscribe,
        draw: Callable[[], bool],
        interval: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        rest: Callable[[threading.Event, float], object] = threading.Event.wait,
    ) -> None:
        self._draw, self._interval, self._clock, self._rest = draw, interval, clock, rest
        self._changed, self._hurry = threading.Event(), threading.Event()
        self._closed = threading.Event()
        self._unsubscribe = subscribe(self.wake)
        self._thread = threading.Thread(target=self._work, name="maml-lab-view", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()
        close_at_exit(self)

    def wake(self) -> None:
        """Draw when it is time again."""
        self._changed.set()

    def hurry(self) -> None:
        """Draw without the usual pause before: somebody waits."""
        self._hurry.set()
        self._changed.set()

    def close(self) -> None:
        """Unsubscribe and end the thread; a drawing under way is finished first."""
        self._unsubscribe()
        self._closed.set()
        self.hurry()
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _work(self) -> None:
        due = 0.0
        while True:
            self._changed.wait()
            self._changed.clear()
            if self._closed.is_set():
                return
            self._hurry.clear()
            begun = self._clock()
            # a thread wakes a little late each time, which would add up
            late = max(begun - due, 0.0)
            due = begun - min(late, MAX_CATCH_UP * self._interval) + self._interval
            if self._draw():
                self._changed.set()
            left = due - self._clock()
            self._rest(self._hurry, max(left, MIN_REST * self._interval))


class IdleDetector:
    """Detects, once for each state, that it has lasted for some time.

    Args:
        seconds: How long a state has to last.
        clock: Seconds that only grow.

    Example:
        >>> idle = IdleDetector(0.0)
        >>> idle.reached("paused"), idle.reached("paused"), idle.reached("α = 0.1")
        (True, False, True)
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._state: Hashable = object()
        self._since = 0.0
        self._waiting = False

    @property
    def waiting(self) -> bool:
        """Whether the present state is still to be called idle: ask again soon."""
        return self._waiting

    def reached(self, state: Hashable) -> bool:
        """Note the present state.

        Args:
            state: Whatever differs when something has changed.

        Returns:
            Whether it has lasted long enough, the first time that it has.
        """
        now = self._clock()
        if state != self._state:
            self._state, self._since, self._waiting = state, now, True
        if not self._waiting or now - self._since < self._seconds:
            return False
        self._waiting = False
        return True
