"""The one thread that draws: it waits for changes and shows them at a bounded rate."""

import threading
import time
from collections.abc import Callable

from labkit.session import close_at_exit

LEAST_REST = 0.2
"""Rest after a call, as a share of the interval."""

MOST_MADE_UP = 0.5
"""So late a call may come, as a share of the interval, for the next to make up for it."""


class Publisher:
    """Calls `draw` after a change, at most once in `interval` seconds on average, or when hurried.

    Args:
        subscribe: Registers a function that is called after each change, and returns one that ends
            that; such as `Session.subscribe`. What changed before is drawn at once.
        draw: Shows what there is to show; True if something is left for the next call.
        interval: Mean time from the beginning of a call to that of the next, at least, seconds;
            some of it is left to others even where a call takes as long.
    """

    def __init__(
        self,
        subscribe: Callable[[Callable[[], None]], Callable[[], None]],
        draw: Callable[[], bool],
        interval: float,
    ) -> None:
        self._draw, self._interval = draw, interval
        self._changed = threading.Event()
        self._closed, self._hurry = threading.Event(), threading.Event()
        self._unsubscribe = subscribe(self._changed.set)
        self._changed.set()
        self._thread = threading.Thread(target=self._work, name="maml-lab-view", daemon=True)
        self._thread.start()
        close_at_exit(self)

    def hurry(self) -> None:
        """Somebody waits: draw without the usual pause before."""
        self._hurry.set()
        self._changed.set()

    def wake(self) -> None:
        """Draw after the usual pause, though the session has not changed."""
        self._changed.set()

    def close(self) -> None:
        """End the thread; a drawing under way is finished first."""
        self._unsubscribe()
        self._closed.set()
        self.hurry()
        if self._thread is not threading.current_thread():
            self._thread.join()

    def _work(self) -> None:
        due = 0.0
        while True:
            self._changed.wait()
            self._changed.clear()
            if self._closed.is_set():
                return
            self._hurry.clear()
            begun = time.monotonic()
            # a thread wakes a little late each time, which would add up
            late = max(begun - due, 0.0)
            due = begun - min(late, MOST_MADE_UP * self._interval) + self._interval
            if self._draw():
                self._changed.set()
            left = due - time.monotonic()
            self._hurry.wait(max(left, LEAST_REST * self._interval))
