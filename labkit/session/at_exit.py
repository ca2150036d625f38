"""Threads that end before the interpreter does.

One that comes back from torch when Python is gone takes the process down with it.
"""

import atexit
from typing import Protocol
from weakref import WeakSet


class Closable(Protocol):
    """What has a thread to end."""

    def close(self) -> None:
        """End it; nothing happens where it has ended."""
        ...


_OPEN: "WeakSet[Closable]" = WeakSet()


def close_at_exit(thing: Closable) -> None:
    """Close it when the interpreter ends, if it is still there.

    Args:
        thing: Kept alive by others, such as its thread.
    """
    _OPEN.add(thing)


@atexit.register
def _close_all() -> None:
    for thing in tuple(_OPEN):
        thing.close()
