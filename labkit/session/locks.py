"""The locks of a session, and the one order in which a thread takes them.

A thread that holds a lock takes only locks of a later level, or the same lock once more. What would
break this raises `LockOrderError`: two threads that wait for each other are found at once, not once
in a thousand runs. The thread that notifies subscribers holds none of these meanwhile.

The training thread holds the turn during a meta-step and takes the choice within it, for moments.
Other threads get the turn between two meta-steps, and whoever waits for it has it before the next
meta-step.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from types import TracebackType
from typing import final


class Level(IntEnum):
    """What is locked, in the order in which a thread takes it."""

    EDIT = 1
    """Edits of a person, one at a time: `set`, `undo`, `fork`, `reset`, …"""

    REPLAY = 2
    """The trainer that repeats meta-steps to show earlier ones."""

    TURN = 3
    """A meta-step, or a time between two of them."""

    CHOICE = 4
    """What a person has chosen, and the log; never held during a meta-step."""

    MEASURE = 5
    """The learner with which an observer measures and draws."""


class LockOrderError(RuntimeError):
    """A thread asked for a lock of an earlier level than one that it holds."""


class _Held(threading.local):
    """The locks that the present thread holds, the last one at the end."""

    def __init__(self) -> None:
        self.locks: list[tuple[Level, object]] = []


@final
class OrderedLock:
    """A lock that its thread may take again, and that is taken in the order of the levels."""

    def __init__(self, level: Level, held: _Held) -> None:
        self._level, self._held, self._lock = level, held, threading.RLock()

    def __enter__(self) -> None:
        _check_order(self._level, self, self._held, again=True)
        self._lock.acquire()
        self._held.locks.append((self._level, self))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._held.locks.pop()
        self._lock.release()


@final
class Turn:
    """Meta-steps and visits between them, one at a time; visits that wait go first.

    Its condition also guards what the player decides by, such as whether it plays: whoever changes
    that notifies it. It is the last lock of all: who holds it takes no other.
    """

    def __init__(self, held: _Held) -> None:
        self._held = held
        self._taken = False
        self._visits = 0  # under way or waiting
        self.condition = threading.Condition(threading.Lock())

    @contextmanager
    def visit(self) -> Iterator[None]:
        """A time between two meta-steps; the next one waits until it is over."""
        _check_order(Level.TURN, self, self._held, again=False)
        with self.condition:
            self._visits += 1
            try:
                self.condition.wait_for(lambda: not self._taken)
            except BaseException:  # an interrupt while it waits
                self._visits -= 1
                self.condition.notify_all()
                raise
            self._taken = True
        with self._kept():
            try:
                yield
            finally:
                with self.condition:
                    self._visits -= 1

    @contextmanager
    def step(
        self, due: Callable[[], bool], ended: Callable[[], bool], rest: Callable[[], float]
    ) -> Iterator[bool]:
        """A time for a meta-step, once one is wanted, the rest is over and nobody visits.

        All three are called with the condition held.

        Args:
            due: Whether a meta-step is to be taken.
            ended: Whether there will be none any more.
            rest: Seconds until one may begin, ≤ 0 for now.

        Yields:
            True if it is time for a meta-step, False if it has ended.
        """
        _check_order(Level.TURN, self, self._held, again=False)
        with self.condition:
            while not ended():
                free = not self._taken and not self._visits
                left = rest() if free and due() else None
                if left is not None and left <= 0:
                    self._taken = True
                    break
                self.condition.wait(left)
            else:
                yield False
                return
        with self._kept():
            yield True

    @contextmanager
    def _kept(self) -> Iterator[None]:
        self._held.locks.append((Level.TURN, self))
        try:
            yield
        finally:
            self._held.locks.pop()
            with self.condition:
                self._taken = False
                self.condition.notify_all()


@final
class SessionLocks:
    """The locks of one session.

    Attributes:
        edit: See `Level.EDIT`.
        replay: See `Level.REPLAY`.
        turn: See `Level.TURN`.
        choice: See `Level.CHOICE`.

    Example:
        >>> locks = SessionLocks()
        >>> with locks.edit, locks.turn.visit(), locks.choice:
        ...     pass
        >>> with locks.choice, locks.edit:
        ...     pass
        Traceback (most recent call last):
        labkit.session.locks.LockOrderError: a thread that holds the lock CHOICE must not wait for \
the lock EDIT: change the session from another thread, or once it is released
    """

    def __init__(self) -> None:
        self._held = _Held()
        self.edit = OrderedLock(Level.EDIT, self._held)
        self.replay = OrderedLock(Level.REPLAY, self._held)
        self.turn = Turn(self._held)
        self.choice = OrderedLock(Level.CHOICE, self._held)

    def measure(self) -> OrderedLock:
        """A lock for the learner of one observer."""
        return OrderedLock(Level.MEASURE, self._held)

    @contextmanager
    def between_steps(self) -> Iterator[None]:
        """A time in which neither a meta-step is taken nor anything is chosen."""
        with self.turn.visit(), self.choice:
            yield


def _check_order(level: Level, lock: object, held: _Held, *, again: bool) -> None:
    """Refuse a lock of an earlier level than one that this thread holds.

    Args:
        level: Of the lock.
        lock: Which is to be taken.
        held: What this thread holds.
        again: Whether the lock may be taken by a thread that holds it.

    Raises:
        LockOrderError: Its level is earlier than one that is held, or it cannot be taken again.
    """
    if again and any(lock is other for _, other in held.locks):
        return
    for other_level, _ in held.locks:
        if other_level >= level:
            raise LockOrderError(
                f"a thread that holds the lock {other_level.name} must not wait for the lock "
                f"{level.name}: change the session from another thread, or once it is released"
            )
