"""Finds the moments of rest in which something slow may be done."""

import time
from collections.abc import Callable, Hashable


class Lull:
    """True once for each state that has lasted for some time.

    Args:
        seconds: How long a state has to last.
        clock: Seconds that only grow.

    Example:
        >>> lull = Lull(0.0)
        >>> lull.reached("paused"), lull.reached("paused"), lull.reached("α = 0.1")
        (True, False, True)
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._state: Hashable = object()
        self._since = 0.0
        self._waits = False

    @property
    def waits(self) -> bool:
        """Whether the last state is still to be called reached: ask again soon."""
        return self._waits

    def reached(self, state: Hashable) -> bool:
        """Note the state as it is now.

        Args:
            state: Whatever differs when something has changed.

        Returns:
            Whether it has lasted long enough, the first time that it is so.
        """
        now = self._clock()
        if state != self._state:
            self._state, self._since, self._waits = state, now, True
        if not self._waits or now - self._since < self._seconds:
            return False
        self._waits = False
        return True
