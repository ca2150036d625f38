"""How far a headless training has come, told by a file to whoever has started it."""

import os
import time
from pathlib import Path

VARIABLE = "LABKIT_PROGRESS"
"""Environment variable with the path of the file; without it nothing is told."""

SECONDS = 0.5


class Progress:
    """Tells every half second how many meta-steps have been taken.

    Example:
        >>> Progress().tell(20)  # nobody has asked
    """

    def __init__(self) -> None:
        path = os.environ.get(VARIABLE)
        self._path = Path(path) if path else None
        self._due = 0.0

    def tell(self, meta_step: int, *, last: bool = False) -> None:
        """Write the number of meta-steps if it is time, or if it is the last one."""
        if self._path is None or (not last and time.monotonic() < self._due):
            return
        self._due = time.monotonic() + SECONDS
        temporary = self._path.with_name(f".{self._path.name}")
        temporary.write_text(str(meta_step), encoding="ascii")
        temporary.replace(self._path)


def told(path: Path) -> int | None:
    """The number of meta-steps that such a file tells; None if there is none yet."""
    return int(path.read_text(encoding="ascii")) if path.is_file() else None
