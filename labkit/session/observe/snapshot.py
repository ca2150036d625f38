"""A session between two meta-steps, as views see it, and a walk through the next meta-step."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from torch import Tensor

from labkit.core import AnyAlpha, Params
from labkit.session.history import Event, TrainingCurve
from labkit.session.locks import SessionLocks
from labkit.session.observe.observer import Observer
from labkit.session.settings import Settings
from labkit.session.trainer import State

Stride: TypeAlias = Literal["inner_step", "task", "meta_step"]
"""How far one step of a walk goes."""

MOST_KEPT = 64
"""Most θ of its history that a snapshot holds."""

MOST_GHOSTS = 6
"""Kept runs that can be compared with at a time."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """A position within a meta-step: a number of inner steps into the adaptation to one task.

    Attributes:
        task: Number of the task in the batch, from 0.
        inner_step: Inner steps taken on it.
    """

    task: int
    inner_step: int


def next_cursor(
    cursor: Cursor | None, stride: Stride, *, inner_steps: int, meta_batch: int
) -> Cursor | None:
    """Where a walk through a meta-step goes next; None: all tasks are done, θ itself is to move.

    Args:
        cursor: Where it is; None: before the first task.
        stride: "inner_step": one more on this task, or the first on the next one; "task": all that
            are left on this task, or all of the next one; "meta_step": all.
        inner_steps: K.
        meta_batch: Tasks of the batch.

    Example:
        >>> next_cursor(Cursor(task=0, inner_step=1), "inner_step", inner_steps=2, meta_batch=3)
        Cursor(task=0, inner_step=2)
        >>> next_cursor(Cursor(task=0, inner_step=2), "inner_step", inner_steps=2, meta_batch=3)
        Cursor(task=1, inner_step=1)
    """
    if stride == "meta_step":
        return None
    if cursor is None:
        task, inner_step = 0, 0
    else:
        done = cursor.inner_step >= inner_steps
        task, inner_step = cursor.task + done, 0 if done else cursor.inner_step
    if task >= meta_batch:
        return None
    return Cursor(task, inner_steps if stride == "task" else min(inner_step + 1, inner_steps))


@dataclass(frozen=True, slots=True, eq=False)  # tensors say of no pair that it is equal
class Snapshot:
    """A session between two meta-steps; nothing in it changes any more.

    Attributes:
        settings: As chosen; they take effect at the next meta-step.
        meta_step: Meta-steps taken.
        params: A copy of θ.
        alpha: α with these settings: theirs, or as learned so far.
        task_stream: State of the stream from which the next batch of tasks will be drawn.
        curve: Meta-training losses so far.
        start: Settings at meta-step 0; `events` says what followed.
        events: Changes so far.
        playing: Whether the training runs.
        rate: Meta-steps per second lately, 0 while paused.
        seconds: Time spent in meta-steps since the start or the last reset.
        failure: What stopped the training, or None.
        last_step: Meta-steps that the run has taken in all; more than `meta_step` if it is an
            earlier one.
        cursor: The position of a walk through the next meta-step, or None.
        state: All that decides the next meta-step, the memory of the meta-optimiser included.
        observer: Measures and draws at this snapshot.
        path: Meta-steps from 0 to this one, evenly spaced as far as θ was kept, each with its θ.
    """

    settings: Settings
    meta_step: int
    params: Params
    alpha: AnyAlpha
    task_stream: Tensor
    curve: TrainingCurve
    start: Settings
    events: tuple[Event, ...]
    playing: bool
    rate: float
    seconds: float
    failure: BaseException | None
    last_step: int
    cursor: Cursor | None
    state: State
    observer: Observer
    path: tuple[tuple[int, Params], ...]

    def observer_apart(self, last: Observer | None) -> Observer:
        """One for measuring next to the session, which nobody waits for.

        Args:
            last: One from an earlier snapshot; it is kept if it is of the same source and seed.
        """
        source, seed = self.observer.source, self.start.seed
        if last is not None and last.source is source and last.seed == seed:
            return last
        return Observer(source, self.start, SessionLocks().measure())

    def shows_the_same_as(self, other: "Snapshot") -> bool:
        """Whether the two are of one run, at one meta-step and with the same settings."""
        # two runs never take the same time
        return (
            self.observer.source is other.observer.source
            and self.settings == other.settings
            and (self.meta_step, self.seconds) == (other.meta_step, other.seconds)
        )


@dataclass(frozen=True, slots=True, eq=False)  # tensors say of no pair that it is equal
class Ghost:
    """A run that was kept for comparison.

    Attributes:
        label: Its algorithm and how far it was trained, in words.
        snapshot: The session when it was kept.
    """

    label: str
    snapshot: Snapshot
