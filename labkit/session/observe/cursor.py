"""A walk through one meta-step: task by task, and inner step by inner step."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

Stride: TypeAlias = Literal["inner_step", "task", "meta_step"]
"""How far one step of the walk goes."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place inside of a meta-step: so many inner steps into the adaptation to one task.

    Attributes:
        task: Number of the task in the batch, from 0.
        inner_step: Inner steps done on it.
    """

    task: int
    inner_step: int


def next_place(
    place: Cursor | None, stride: Stride, *, inner_steps: int, meta_batch: int
) -> Cursor | None:
    """Where a walk through a meta-step goes next; None: all tasks are done, θ itself is to move.

    Args:
        place: Where it stands; None: before the first task.
        stride: "inner_step": one more on this task, or the first on the next one; "task": all that
            are left on this task, or all of the next one; "meta_step": all.
        inner_steps: K.
        meta_batch: Tasks of the batch.

    Example:
        >>> next_place(Cursor(task=0, inner_step=1), "inner_step", inner_steps=2, meta_batch=3)
        Cursor(task=0, inner_step=2)
        >>> next_place(Cursor(task=0, inner_step=2), "inner_step", inner_steps=2, meta_batch=3)
        Cursor(task=1, inner_step=1)
    """
    if stride == "meta_step":
        return None
    if place is None:
        task, inner_step = 0, 0
    else:
        done = place.inner_step >= inner_steps
        task, inner_step = place.task + done, 0 if done else place.inner_step
    if task >= meta_batch:
        return None
    return Cursor(task, inner_steps if stride == "task" else min(inner_step + 1, inner_steps))
