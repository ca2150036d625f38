"""How far a headless training is, in a file for the process that started it.

The module holds both ends: whoever trains reports, whoever started the training reads.
"""

import os
import time
from pathlib import Path

VARIABLE = "LABKIT_PROGRESS"
"""Environment variable with the path of the file; without it nothing is reported."""

SECONDS = 0.5


class Progress:
    """Reports every half second how many meta-steps have been taken.

    Example:
        >>> Progress().report(20)  # the variable is not set
    """

    def __init__(self) -> None:
        path = os.environ.get(VARIABLE)
        self._path = Path(path) if path else None
        self._due = 0.0

    def report(self, meta_step: int, *, last: bool = False) -> None:
        """Write the number of meta-steps if it is time, or if it is the last one."""
        if self._path is None or (not last and time.monotonic() < self._due):
            return
        self._due = time.monotonic() + SECONDS
        temporary = self._path.with_name(f".{self._path.name}")
        temporary.write_text(str(meta_step), encoding="ascii")
        temporary.replace(self._path)


def read_progress(path: Path) -> int | None:
    """The number of meta-steps in such a file; None if there is none yet."""
    return int(path.read_text(encoding="ascii")) if path.is_file() else None
