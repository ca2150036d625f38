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
    value: float


@dataclass(frozen=True, slots=True)
class TrainingCurve:
    """Meta-training losses over meta-steps; each entry is the mean over a run of meta-steps.

    Attributes:
        meta_step: Last meta-step of each entry, shape (entries,).
        loss_before: Query loss before adaptation, (entries,).
        loss_after: Query loss after adaptation, (entries,).
    """

    meta_step: Floats
    loss_before: Floats
    loss_after: Floats


@dataclass(slots=True)
class History:
    """Every meta-step's losses, 16 bytes each, and every change of a setting."""

    events: list[Event] = field(default_factory=list)
    _before: "array[float]" = field(default_factory=lambda: array("d"))
    _after: "array[float]" = field(default_factory=lambda: array("d"))

    def __len__(self) -> int:
        return len(self._after)

    def append(self, step: MetaStep) -> None:
        """Record the next meta-step."""
        self._before.append(step.loss_before)
        self._after.append(step.loss_after)

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
            run * np.arange(1.0, entries + 1), _means(self._before, run), _means(self._after, run)
        )


def _means(values: "array[float]", run: int) -> Floats:
    copied = np.array(values)
    means: Floats = copied[: len(copied) // run * run].reshape(-1, run).mean(axis=1)
    return means
