"""Who is called after a change of a session: any number of views, independent of one another."""

import sys
import threading
from collections.abc import Callable

Callback = Callable[[], None]


class Subscribers:
    """Callbacks that are called after every change.

    `notify` calls them one after another in the thread that calls it, and holds no lock meanwhile.
    A callback that raises is reported once through `threading.excepthook`, as an error that ends a
    thread would be, and is called no more; the other callbacks, and whoever called `notify`, do not
    notice.

    Example:
        >>> subscribers = Subscribers()
        >>> unsubscribe = subscribers.subscribe(lambda: print("changed"))
        >>> subscribers.notify()
        changed
        >>> unsubscribe()
        >>> subscribers.notify()
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards the replacement of the next field
        self._callbacks: dict[object, Callback] = {}

    def __bool__(self) -> bool:
        return bool(self._callbacks)

    def subscribe(self, callback: Callback) -> Callable[[], None]:
        """Call a function after every change from now on; one given twice is called twice.

        Args:
            callback: Returns quickly, such as `threading.Event.set`.

        Returns:
            A function that ends this subscription alone; calling it again changes nothing.
        """
        key = object()
        with self._lock:
            self._callbacks = {**self._callbacks, key: callback}
        return lambda: self._remove(key)

    def notify(self) -> None:
        """Call all callbacks; to be called with no lock held that a callback could wait for."""
        for key, callback in self._callbacks.items():  # replaced whole, never written to
            try:
                callback()
            except Exception:  # noqa: BLE001  # of a view; reported, and kept from the training
                self._remove(key)
                _report()

    def _remove(self, key: object) -> None:
        with self._lock:
            self._callbacks = {k: c for k, c in self._callbacks.items() if k is not key}


def _report() -> None:
    thread = threading.current_thread()
    threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), thread)))
