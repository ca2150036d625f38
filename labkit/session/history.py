"""What a session has recorded: losses over meta-steps, and the changes made on the way."""

from array import array
from dataclasses import dataclass, field
from typing import Self

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

    @property
    def seconds(self) -> float:
        """Time spent in meta-steps."""
        return self._seconds[-1] if self._seconds else 0.0

    def append(self, step: MetaStep, seconds: float) -> None:
        """Record the next meta-step and the seconds that it took."""
        self._seconds.append(self.seconds + seconds)
        self._before.append(step.loss_before)
        self._after.append(step.loss_after)

    def until(self, meta_step: int) -> Self:
        """A copy that ends after `meta_step` meta-steps, before the changes made then."""
        return type(self)(
            [event for event in self.events if event.meta_step < meta_step],
            self._before[:meta_step],
            self._after[:meta_step],
            self._seconds[:meta_step],
        )

    def curve(self, most: int | None = 200) -> TrainingCurve:
        """The losses in at most `most` entries: means over runs of equal length.

        Args:
            most: Largest number of entries, ≥ 1; None: every meta-step. The length of the runs is
                a power of two, so that entries that were drawn stay as they were while the history
                grows; a run that is not complete is left out.
        """
        run = 1
        while most is not None and len(self) > most * run:
            run *= 2
        entries = len(self) // run
        return TrainingCurve(
            run * np.arange(1.0, entries + 1),
            _means(self._before, run),
            _means(self._after, run),
            np.array(self._seconds)[run - 1 :: run],
        )


def _means(values: "array[float]", run: int) -> Floats:
    copied = np.array(values)
    means: Floats = copied[: len(copied) // run * run].reshape(-1, run).mean(axis=1)
    return means
