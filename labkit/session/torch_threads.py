"""How many of torch's threads a small model is worth, for the thread that asks alone."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import torch

from labkit.core.types import Params

SMALL = 20_000
"""A model of fewer numbers gains nothing from more threads: they wait for each other instead."""


def threads_for(params: Params) -> int:
    """How many of this thread's a model is worth: one if it is small, else all.

    Args:
        params: θ.

    Example:
        >>> threads_for({"w": torch.zeros(40, 40)})
        1
    """
    small = sum(tensor.numel() for tensor in params.values()) < SMALL
    return 1 if small else torch.get_num_threads()


def keep_threads(number: int) -> None:
    """Let torch use so many threads in this thread from now on; other threads keep theirs."""
    if number == torch.get_num_threads():  # asked first: only then does a thread keep its own
        return
    # torch takes a number for all threads that are still to come too; one of these knows theirs
    with ThreadPoolExecutor(1, "maml-lab-threads") as other:
        theirs = other.submit(torch.get_num_threads).result()
        torch.set_num_threads(number)
        other.submit(torch.set_num_threads, theirs).result()


@contextmanager
def threads(number: int) -> Iterator[None]:
    """A time in which torch uses so many threads in this thread.

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
