"""A session between two meta-steps, as views see it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from labkit.core import AnyAlpha, Params
from labkit.session.history import Event, TrainingCurve
from labkit.session.observe.cursor import Cursor
from labkit.session.settings import Settings

if TYPE_CHECKING:  # it measures snapshots
    from labkit.session.observe.observer import Observer


MOST_GHOSTS = 6
"""Runs that can be compared with at a time."""


@dataclass(frozen=True, slots=True, eq=False)  # tensors say of no pair that it is equal
class Snapshot:
    """A session between two meta-steps; nothing in it changes any more.

    Attributes:
        settings: As chosen; they hold from the next meta-step on.
        meta_step: Meta-steps taken.
        params: A copy of θ.
        alpha: α with these settings: theirs, or as learned so far.
        task_stream: State of the stream that the next batch of tasks will be drawn from.
        curve: Meta-training losses so far.
        events: Changes so far.
        playing: Whether the training runs.
        rate: Meta-steps per second of late, 0 while paused.
        seconds: Time spent in meta-steps since the start or the last reset.
        failure: What stopped the training, or None.
        last_step: Meta-steps that the run has taken in all; more than `meta_step` if the session
            looks back.
        cursor: Where inside of the next meta-step a walk through it stands, or None.
        observer: What measures and draws at this snapshot.
    """

    settings: Settings
    meta_step: int
    params: Params
    alpha: AnyAlpha
    task_stream: Tensor
    curve: TrainingCurve
    events: tuple[Event, ...]
    playing: bool
    rate: float
    seconds: float
    failure: BaseException | None
    last_step: int
    cursor: Cursor | None
    observer: "Observer"

    def shows_the_same_as(self, other: "Snapshot") -> bool:
        """Whether the two are of one run, at one place and with the same settings."""
        # two runs never take the same time
        return (
            self.observer.source is other.observer.source
            and self.settings == other.settings
            and (self.meta_step, self.seconds) == (other.meta_step, other.seconds)
        )


@dataclass(frozen=True, slots=True, eq=False)  # tensors say of no pair that it is equal
class Ghost:
    """A run that was pinned to be compared with.

    Attributes:
        label: What was done there, in words.
        snapshot: As it was when it was pinned.
    """

    label: str
    snapshot: Snapshot
