"""The one thread that draws: it waits for changes and shows them at a bounded rate."""

import threading
import time
from collections.abc import Callable

from labkit.session.at_exit import close_at_exit

LEAST_REST = 0.2
"""Rest after a call, as a share of the interval."""


class Publisher:
    """Calls `draw` after a change, at most once in `interval` seconds, or at once when hurried.

    Args:
        changed: Set by whoever has something to show.
        draw: Shows what there is to show; True if something is left for the next call.
        interval: Least time from the beginning of a call to that of the next, seconds; some of it
            is left to others even where a call takes as long.
    """

    def __init__(self, changed: threading.Event, draw: Callable[[], bool], interval: float) -> None:
        self._changed, self._draw, self._interval = changed, draw, interval
        self._closed, self._hurry = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work, name="maml-lab-view", daemon=True)
        self._thread.start()
        close_at_exit(self)

    def hurry(self) -> None:
        """Somebody waits: draw without the usual pause before."""
        self._hurry.set()
        self._changed.set()

    def close(self) -> None:
        """End the thread; a drawing under way is finished first."""
        self._closed.set()
        self.hurry()
        if self._thread is not threading.current_thread():
            self._thread.join()

    def _work(self) -> None:
        while True:
            self._changed.wait()
            self._changed.clear()
            if self._closed.is_set():
                return
            self._hurry.clear()
            begun = time.monotonic()
            if self._draw():
                self._changed.set()
            left = begun + self._interval - time.monotonic()
            self._hurry.wait(max(left, LEAST_REST * self._interval))
