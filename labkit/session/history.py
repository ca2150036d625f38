"""What a session has recorded: losses over meta-steps, and the changes made on the way."""

from array import array
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from labkit.training.meta_step import MetaStep

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Event:
    """A setting that changed: `name` was set to `value` after `meta_step` meta-steps."""

    meta_step: int
    name: str
    value: float | str


@dataclass(frozen=True, slots=True)
class TrainingCurve:
    """Meta-training losses over meta-steps; each entry is the mean over a run of meta-steps.

    Attributes:
        meta_step: Last meta-step of each entry, shape (entries,).
        loss_before: Query loss before adaptation, (entries,).
        loss_after: Query loss after adaptation, (entries,).
        seconds: Time spent in meta-steps until the end of each entry, (entries,).
    """

    meta_step: Floats
    loss_before: Floats
    loss_after: Floats
    seconds: Floats


@dataclass(slots=True)
class History:
    """Every meta-step's losses and time, 24 bytes each, and every change of a setting."""

    events: list[Event] = field(default_factory=list)
    _before: "array[float]" = field(default_factory=lambda: array("d"))
    _after: "array[float]" = field(default_factory=lambda: array("d"))
    _seconds: "array[float]" = field(default_factory=lambda: array("d"))

    def __len__(self) -> int:
        return len(self._after)

    def append(self, step: MetaStep, seconds: float) -> None:
        """Record the next meta-step, and the time spent in meta-steps until its end."""
        self._before.append(step.loss_before)
        self._after.append(step.loss_after)
        self._seconds.append(seconds)

    def curve(self, most: int = 200) -> TrainingCurve:
        """The losses in at most `most` entries: means over runs of equal length.

        Args:
            most: Largest number of entries, ≥ 1. The length of the runs is a power of two, so that
                entries that were drawn stay as they were while the history grows; a run that is
                not complete is left out.
        """
        run = 1
        while len(self) > most * run:
            run *= 2
        entries = len(self) // run
        return TrainingCurve(
            meta_step=run * np.arange(1.0, entries + 1),
            loss_before=_means(self._before, run),
            loss_after=_means(self._after, run),
            seconds=np.array(self._seconds)[run - 1 : entries * run : run],
        )


def _means(values: "array[float]", run: int) -> Floats:
    copied = np.array(values)
    means: Floats = copied[: len(copied) // run * run].reshape(-1, run).mean(axis=1)
    return means
