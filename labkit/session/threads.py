"""Threads of a session: how many of torch's they use, and their end before the interpreter's."""

import atexit
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Protocol
from weakref import WeakSet

import torch
from threadpoolctl import ThreadpoolController

from labkit.core import Params

SMALL = 20_000
"""A model of fewer numbers gains nothing from more threads: they wait for each other instead."""


class Closable(Protocol):
    """Something that has a thread to end."""

    def close(self) -> None:
        """End it; nothing happens if it has ended."""
        ...


_OPEN: "WeakSet[Closable]" = WeakSet()


def close_at_exit(thing: Closable) -> None:
    """Close it when the interpreter ends, if it still exists.

    A thread that returns from torch after Python has gone takes the process down with it.

    Args:
        thing: Kept alive by others, such as its thread.
    """
    _OPEN.add(thing)


@atexit.register
def _close_all() -> None:
    for thing in tuple(_OPEN):
        thing.close()


def threads_for(params: Params) -> int:
    """How many of torch's threads a model is worth: one if it is small, else all of this thread.

    Args:
        params: θ.

    Example:
        >>> threads_for({"w": torch.zeros(40, 40)})
        1
    """
    small = sum(tensor.numel() for tensor in params.values()) < SMALL
    return 1 if small else torch.get_num_threads()


def keep_threads(number: int) -> None:
    """Let torch use `number` threads in this thread from now on; other threads keep theirs."""
    torch.get_num_threads()  # else torch sets this thread's number at its first operation
    _openmp().limit(limits=number)


@contextmanager
def threads(number: int) -> Iterator[None]:
    """A time in which torch uses `number` threads in this thread.

    Args:
        number: ≥ 1.

    Example:
        >>> before = torch.get_num_threads()
        >>> with threads(1):
        ...     torch.get_num_threads()
        1
        >>> torch.get_num_threads() == before
        True
    """
    before = torch.get_num_threads()
    keep_threads(number)
    try:
        yield
    finally:
        keep_threads(before)


@cache
def _openmp() -> ThreadpoolController:
    """OpenMP keeps a number for each thread; `torch.set_num_threads` sets that of new ones too."""
    return ThreadpoolController().select(user_api="openmp")
