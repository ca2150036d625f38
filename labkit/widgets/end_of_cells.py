"""When the cells that a person has asked for have all run."""

import threading
from collections.abc import Callable
from typing import Any, Protocol

QUIET_SECONDS = 0.4
"""After the end of a cell: "Run All" has asked for the next one long before."""


class CellEvents(Protocol):
    """IPython's events."""

    def register(self, event: str, function: Callable[..., Any]) -> None:
        """Call a function at an event."""
        ...

    def unregister(self, event: str, function: Callable[..., Any]) -> None:
        """Call it no more."""
        ...


class EndOfCells:
    """Acts once, as soon as no cell follows the one that runs now.

    Args:
        events: IPython's, to be called inside a cell.
        act: What is done then, on its own thread.
        quiet: So many seconds without a cell are the end.
    """

    def __init__(
        self, events: CellEvents, act: Callable[[], None], quiet: float = QUIET_SECONDS
    ) -> None:
        self._events, self._act, self._quiet = events, act, quiet
        self._timer: threading.Timer | None = None
        events.register("pre_run_cell", self._begin)
        events.register("post_run_cell", self._end)

    def cancel(self) -> None:
        """Do not act."""
        if self._timer is not None:
            self._timer.cancel()
        self._events.unregister("pre_run_cell", self._begin)
        self._events.unregister("post_run_cell", self._end)

    def _begin(self, _: object) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _end(self, _: object) -> None:
        self._timer = threading.Timer(self._quiet, self._quietly)
        self._timer.daemon = True
        self._timer.start()

    def _quietly(self) -> None:
        self.cancel()
        self._act()
