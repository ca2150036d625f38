"""What a session records: losses over meta-steps, and changes of settings."""

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from labkit.session.archive import Archive, Kept
from labkit.training import MetaStep

Floats = NDArray[np.float64]

BLOCK = 4096
"""Meta-steps that are written to disk together; an incomplete block stays in memory."""

MOST_COARSE = 2048
"""Entries of the curve that stays in memory for drawing."""

DIVERGED_TIMES, RECENT = 100.0, 3
"""The last few losses have diverged if they are so many times the first."""

WHEN: tuple[Literal["before", "after"], ...] = ("before", "after")

_COLUMNS = _BEFORE, _AFTER, _SECONDS = range(3)


@dataclass(frozen=True, slots=True)
class Event:
    """A setting that changed: `name` was set to `value` after `meta_step` meta-steps.

    Changes of one `gesture`, such as a drag during training, share its number; changes that are
    read from a log have none.
    """

    meta_step: int
    name: str
    value: float | str
    gesture: int | None = field(default=None, compare=False, repr=False)


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

    @property
    def diverged(self) -> Literal["before", "after"] | None:
        """Which of the losses is beyond all bounds lately: before adaptation, or after it alone.

        Example:
            >>> steps, calm, wild = np.arange(1.0, 5.0), np.ones(4), np.array([1.0, 1e9, 1e9, 1e9])
            >>> TrainingCurve(steps, calm, wild, steps).diverged
            'after'
            >>> TrainingCurve(steps, calm, calm, steps).diverged
        """
        if len(self.meta_step):
            most = DIVERGED_TIMES * abs(self.loss_before[0])
            for when in WHEN:
                if not self.recent(when) <= most:  # nan is not either
                    return when
        return None

    def diverged_at(self, when: Literal["before", "after"]) -> int:
        """The meta-step from whose entry on this loss has been beyond all bounds.

        Example:
            >>> steps, calm, wild = np.arange(1.0, 5.0), np.ones(4), np.array([1.0, 1e9, 1e9, 1e9])
            >>> TrainingCurve(steps, calm, wild, steps).diverged_at("after")
            2
        """
        losses = self.loss_before if when == "before" else self.loss_after
        (calm,) = np.nonzero(losses <= DIVERGED_TIMES * abs(self.loss_before[0]))
        first = int(calm[-1]) + 1 if len(calm) else 0
        return int(self.meta_step[min(first, len(losses) - 1)])

    def recent(self, when: Literal["before", "after"]) -> float:
        """The median of the last few losses: one that is out of line does not count."""
        losses = self.loss_before if when == "before" else self.loss_after
        return float(np.median(losses[-RECENT:]))

    def as_coarse_as(self, other: "TrainingCurve") -> "TrainingCurve":
        """The same in means over as many meta-steps as those of another curve, if it has enough.

        Side by side, the finer of two curves would look like the noisier training.

        Args:
            other: Of a history, with runs of any length; shorter ones change nothing.

        Example:
            >>> def curve(run, *losses):
            ...     ends = run * np.arange(1.0, len(losses) + 1)
            ...     return TrainingCurve(ends, np.array(losses), np.array(losses), ends)
            >>> curve(2, 1.0, 3.0, 5.0, 7.0).as_coarse_as(curve(4, 9.0)).loss_after
            array([2., 6.])
        """
        if not len(self.meta_step) or not len(other.meta_step):
            return self
        times = int(other.meta_step[0]) // int(self.meta_step[0])
        if not 1 < times <= len(self.meta_step):
            return self
        means = _means(np.stack([self.loss_before, self.loss_after, self.seconds]), times)
        ends = other.meta_step[0] * np.arange(1.0, means.shape[1] + 1)
        return TrainingCurve(ends, means[_BEFORE], means[_AFTER], means[_SECONDS])


@dataclass(slots=True)
class History:
    """Every meta-step's losses and time, 24 bytes each on disk, and every change of a setting.

    In memory are the last meta-steps, less than a block, and a coarse curve of those before them.

    Attributes:
        events: Changes of settings.
        seconds: Time spent in meta-steps.
        latest: Losses before and after adaptation of the last meta-step.
    """

    events: list[Event] = field(default_factory=list)
    seconds: float = 0.0
    latest: tuple[float, float] = (math.nan, math.nan)
    _archive: Archive = field(default_factory=lambda: Archive((len(_COLUMNS), BLOCK)))
    _blocks: list[Kept] = field(default_factory=list)
    _last: "array[float]" = field(default_factory=lambda: array("d"))
    _coarse: Floats = field(default_factory=lambda: np.empty((len(_COLUMNS), 0)))
    _run: int = 1
    """Meta-steps for each entry of `_coarse`: a power of two, and no more than a block has."""

    def __len__(self) -> int:
        return len(self._blocks) * BLOCK + len(self._last) // len(_COLUMNS)

    @classmethod
    def of(cls, events: Sequence[Event], columns: Floats) -> Self:
        """A history that was saved.

        Args:
            events: Changes of settings.
            columns: From `columns`.
        """
        history = cls(list(events))
        whole = columns.shape[1] // BLOCK * BLOCK
        for first in range(0, whole, BLOCK):
            block = columns[:, first : first + BLOCK].copy()
            history._add(block, history._archive.put(block))
        history._last = array("d", columns[:, whole:].T.tobytes())
        if columns.shape[1]:
            before, after, history.seconds = map(float, columns[:, -1])
            history.latest = before, after
        return history

    def columns(self) -> Floats:
        """Losses before and after adaptation, and seconds, of each meta-step, (3, meta-steps)."""
        return np.concatenate([self._archived(), _columns(self._last)], axis=1)

    def append(self, step: MetaStep, seconds: float) -> None:
        """Record the next meta-step and the seconds that it took."""
        self.seconds += seconds
        self.latest = step.loss_before, step.loss_after
        self._last.extend((step.loss_before, step.loss_after, self.seconds))
        if len(self._last) == len(_COLUMNS) * BLOCK:
            block = _columns(self._last)
            self._add(block, self._archive.put(block))
            self._last = array("d")

    def until(self, meta_step: int) -> Self:
        """A copy that ends after `meta_step` meta-steps, before the changes made then."""
        whole, rest = divmod(meta_step, BLOCK)
        events = [event for event in self.events if event.meta_step < meta_step]
        copied = type(self)(events, _archive=self._archive)
        for kept in self._blocks[:whole]:
            copied._add(self._archive.get(kept), kept)
        cut = self._last
        if whole < len(self._blocks):
            cut = array("d", self._archive.get(self._blocks[whole]).T.tobytes())
        copied._last = cut[: len(_COLUMNS) * rest]
        if rest:
            copied.seconds = copied._last[-1]
        elif whole:
            copied.seconds = float(copied._coarse[_SECONDS, -1])
        return copied

    def curve(self, most: int | None = 200) -> TrainingCurve:
        """The losses in at most `most` entries: means over runs of equal length.

        Args:
            most: Largest number of entries, ≥ 1; None: every meta-step. The length of the runs is
                a power of two, so entries that were drawn stay as they were while the history
                grows; a run that is not complete is left out.
        """
        run = 1
        while most is not None and len(self) > most * run:
            run *= 2
        done = self._run if run >= self._run else 1
        before = self._coarse if run >= self._run else self._archived()
        columns = np.concatenate([before, _means(_columns(self._last), done)], axis=1)
        means = _means(columns, run // done)
        ends = run * np.arange(1.0, means.shape[1] + 1)
        return TrainingCurve(ends, means[_BEFORE], means[_AFTER], means[_SECONDS])

    def _add(self, block: Floats, kept: Kept) -> None:
        """Take a block, which is kept already, into the coarse curve."""
        self._blocks.append(kept)
        self._coarse = np.concatenate([self._coarse, _means(block, self._run)], axis=1)
        if self._coarse.shape[1] > MOST_COARSE and self._run < BLOCK:
            self._coarse, self._run = _means(self._coarse, 2), 2 * self._run

    def _archived(self) -> Floats:
        blocks = [self._archive.get(kept) for kept in self._blocks]
        return np.concatenate([np.empty((len(_COLUMNS), 0)), *blocks], axis=1)


def _columns(values: "array[float]") -> Floats:
    """A copy of what follows meta-step by meta-step, (columns, meta-steps)."""
    return np.array(values).reshape(-1, len(_COLUMNS)).T.copy()


def _means(columns: Floats, run: int) -> Floats:
    """Means over runs of so many, a power of two; of the seconds the last.

    Pair by pair: the means of the first meta-steps do not depend on how many follow.
    """
    while run > 1:
        pairs = columns[:, : columns.shape[1] // 2 * 2].reshape(len(columns), -1, 2)
        ends = pairs[_SECONDS, :, 1]
        columns = pairs.mean(axis=2)
        columns[_SECONDS] = ends
        run //= 2
    return columns
