"""Other libraries' words, where what they say is said otherwise."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def silent(*names: str) -> Iterator[None]:
    """Loggers that say nothing short of a critical failure, and afterwards speak as before.

    Example:
        >>> with silent("somebody"):
        ...     logging.getLogger("somebody").error("not heard")
    """
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
