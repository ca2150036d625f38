"""Who still wants a training: an interrupt of the kernel, or the end of its last lab, pauses it."""

import signal
import threading
import weakref
from collections.abc import Callable
from types import FrameType
from typing import Any, Protocol

from IPython.core.getipython import get_ipython

from labkit.session import Session

ROLL_SECONDS = 2.0
"""How long pages have to say that they show a lab."""


class View(Protocol):
    """A lab, as far as this module knows it."""

    session: Session


class Presence:
    """The labs of this kernel that a page shows, or may show.

    Example:
        >>> Presence().sessions()
        []
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._present: weakref.WeakSet[Any] = weakref.WeakSet()

    def enter(self, lab: View) -> None:
        """A lab may be seen; from now on an interrupt pauses its training."""
        with self._lock:
            self._present.add(lab)
        _listen()

    def forget(self, lab: View) -> None:
        """A lab is closed; whoever closes it decides on the training."""
        with self._lock:
            self._present.discard(lab)

    def leave(self, lab: View) -> None:
        """No page shows a lab any longer: nothing trains on unseen."""
        self.forget(lab)
        if not any(session is lab.session for session in self.sessions()):
            lab.session.pause()

    def sessions(self) -> list[Session]:
        """The sessions of the labs that are present, each once."""
        with self._lock:
            return list({id(lab.session): lab.session for lab in self._present}.values())


class RollCall:
    """Whether any page still shows a lab, asked when a view has gone with its cell or output.

    Args:
        ask: Sends the question to all pages.
        nobody: Called in the background if none has answered.
    """

    def __init__(self, ask: Callable[[], None], nobody: Callable[[], None]) -> None:
        self._ask, self._nobody = ask, nobody
        self._heard = threading.Event()

    def begin(self) -> None:
        """Ask, and wait for answers in the background."""
        self._heard.clear()
        self._ask()
        threading.Thread(target=self._wait, name="maml-lab-roll", daemon=True).start()

    def hear(self) -> None:
        """A view is there."""
        self._heard.set()

    def _wait(self) -> None:
        if not self._heard.wait(ROLL_SECONDS):
            self._nobody()


labs = Presence()
"""The labs of this kernel."""


def _pause() -> None:
    for session in labs.sessions():
        session.pause()


def _pause_all() -> None:
    # the main thread may have been interrupted anywhere, also where it holds a lock
    threading.Thread(target=_pause, name="maml-lab-interrupt").start()


def _interrupted(_: int, __: FrameType | None) -> None:
    _pause_all()


def _after_cell(result: Any) -> None:
    if isinstance(result.error_in_exec, KeyboardInterrupt):
        _pause_all()


def _listen() -> None:
    """Hear of interrupts of a running cell, and of those of a kernel that only trains.

    ipykernel ignores the latter: around each request it changes the handler of the signal, and
    keeps the other one meanwhile. Where it does not, the latter stay ignored.
    """
    shell = get_ipython()
    kernel = getattr(shell, "kernel", None)
    if shell is None or kernel is None:
        return
    if _after_cell not in shell.events.callbacks["post_run_cell"]:
        shell.events.register("post_run_cell", _after_cell)
    if getattr(kernel, "saved_sigint_handler", None) is signal.SIG_IGN:
        kernel.saved_sigint_handler = _interrupted
