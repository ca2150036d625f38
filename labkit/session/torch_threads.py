"""How many of torch's threads a small model is worth, for the thread that asks alone."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from labkit.core.types import Params

SMALL = 20_000
"""A model of fewer numbers gains nothing from more threads: they wait for each other instead."""


def threads_for(params: Params, most: int) -> int:
    """Threads of torch for meta-steps on these parameters.

    Args:
        params: θ.
        most: For models that are not small, ≥ 1.

    Example:
        >>> threads_for({"w": torch.zeros(40, 40)}, most=8)
        1
    """
    return 1 if sum(tensor.numel() for tensor in params.values()) < SMALL else most


def keep_threads(number: int) -> None:
    """Let torch use so many threads in this thread from now on; other threads keep theirs."""
    everywhere = torch.get_num_threads()  # asked first: only then is the thread's own number kept
    if number == everywhere:
        return
    torch.set_num_threads(number)
    # torch has also taken it for all threads that are still to come
    other = threading.Thread(target=torch.set_num_threads, args=(everywhere,))
    other.start()
    other.join()


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
