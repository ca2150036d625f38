"""How often something may be measured next to a training: a share of its time."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import final

from labkit.core import check_positive

SAVED_SECONDS = 0.3


@final
class Pace:
    """Lets work take a share of the time: t seconds of it use up t/share seconds.

    Seconds that nobody has used are saved, up to a few tenths, for several short pieces in a row.

    Args:
        share: 0 < share ≤ 1; 1 never waits.
        clock: Seconds that only grow.

    Raises:
        ValueError: The share is out of its range.

    Example:
        >>> seconds = iter([0.0, 2.0, 5.0])
        >>> pace = Pace(0.1, clock=lambda: next(seconds))
        >>> with pace.work():
        ...     pass
        >>> pace.wait()
        14.7
    """

    def __init__(self, share: float = 0.1, *, clock: Callable[[], float] = time.monotonic) -> None:
        check_positive("share", share)
        if share > 1:
            raise ValueError(f"share must be at most 1, got {share!r}")
        self._share, self._clock = share, clock
        self._due = -float("inf")

    @contextmanager
    def work(self) -> Iterator[None]:
        """A time of work; what fails counts too."""
        begun = self._clock()
        try:
            yield
        finally:
            used = (self._clock() - begun) / self._share
            self._due = max(self._due, begun - SAVED_SECONDS) + used

    def wait(self) -> float:
        """Seconds until work may continue; 0 for now."""
        return max(self._due - self._clock(), 0.0)
