"""The checkpoint of a training in a headless run, from which a later attempt continues.

Whoever starts the run names a folder in an environment variable. The trainings of a process are
numbered in their order; each writes its own file there now and then, and an attempt that comes to
the same training in the same state takes it up.
"""

import os
import time
import warnings
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from labkit.session.settings import CHECKPOINT_SECONDS, EVERY_VARIABLE, FOLDER_VARIABLE

TRAINING = "training"

_numbers = count(1)


class CheckpointWarning(UserWarning):
    """A checkpoint of a run cannot be written or taken up; the training continues without."""


class RunCheckpoint:
    """Saves one training of a headless run now and then, and takes up what was saved of it.

    Args:
        begun: Gives a text that two attempts have in common if and only if they began alike.

    Example:
        >>> RunCheckpoint(lambda: "").due  # the variable is not set
        False
    """

    def __init__(self, begun: Callable[[], str]) -> None:
        folder = os.environ.get(FOLDER_VARIABLE)
        self._path: Path | None = None
        self._every = float(os.environ.get(EVERY_VARIABLE, CHECKPOINT_SECONDS))
        self._start = self._written = time.monotonic()
        self._begun = ""
        if folder:
            self._path = Path(folder) / f"{TRAINING}-{next(_numbers)}.safetensors"
            self._begun = begun()

    @property
    def due(self) -> bool:
        """Whether it is time to write one."""
        return self._path is not None and time.monotonic() - self._written >= self._every

    def take_up(self, restore: Callable[[dict[str, Any], Path], None]) -> None:
        """Continue from what an earlier attempt has saved, if it began as this one.

        A file that is damaged or does not fit is left aside with a warning: the training then
        begins at its beginning, and ends with the same numbers.

        Args:
            restore: Gets what was saved and where; raises ValueError if it does not fit.
        """
        if self._path is None:
            return
        for left in self._path.parent.glob(f".*.{self._path.name}"):  # of a killed attempt
            left.unlink(missing_ok=True)
        from labkit.training import read_checkpoint  # noqa: PLC0415  # whoever starts runs needs no torch

        try:
            content = read_checkpoint(self._path, TRAINING)
            if content.get("begun") == self._begun:
                restore(content["state"], self._path)
        except FileNotFoundError:
            return
        except (ValueError, KeyError, OSError) as error:
            warnings.warn(
                f"the training begins at its beginning, since its checkpoint cannot be used: "
                f"{error}",
                CheckpointWarning,
                stacklevel=3,
            )

    def write(self, state: dict[str, Any]) -> None:
        """Save a state, in place of the one before; a disk that rejects it leaves that one."""
        if self._path is None:
            return
        from labkit.training import write_checkpoint  # noqa: PLC0415  # as above

        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_checkpoint(self._path, TRAINING, {"begun": self._begun, "state": state})
        except OSError as error:
            warnings.warn(
                f"no checkpoint can be written, so an interrupted run would lose more: {error}",
                CheckpointWarning,
                stacklevel=2,
            )
        self._written = time.monotonic()

    def end(self, state: Callable[[], dict[str, Any]]) -> None:
        """Save the state at the end of a training that took long: what follows it may fail."""
        if self._path is not None and time.monotonic() - self._start >= self._every:
            self.write(state())
