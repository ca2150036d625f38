"""Tasks that training never sees: always the same ones, and their portraits."""

from dataclasses import replace

import torch
from torch import Tensor

from labkit.core import Algorithm, Draws, Params, check_count, count_tasks, tree_leaves, tree_map
from labkit.tasks import (
    AnyPortrait,
    AugmentedFamily,
    DrawableFamily,
    Split,
    SplitFamily,
    TaskBatch,
    TaskFamily,
    check_split,
    even_groups,
)
from labkit.training.model import TaskLoss, predictors_along, stream
from labkit.training.step import draw, map_batch

HELD_OUT = 600
"""Held-out tasks that an adaptation curve is measured on, as in the paper."""


def on_split(family: TaskFamily, split: Split) -> TaskFamily:
    """The tasks of a split, or of the family itself if it has no splits; never augmented.

    Raises:
        ValueError: There is no such split, or `on` gives no task family.
    """
    check_split(split)
    if not isinstance(family, SplitFamily):
        return _unaltered(family)
    chosen = family.on(split)
    if not callable(getattr(chosen, "sample", None)):
        raise ValueError(
            f"{type(family).__name__}.on({split!r}) must return a task family, got {chosen!r}"
        )
    return _unaltered(chosen)


def _unaltered(family: TaskFamily) -> TaskFamily:
    return family.without_augmentation() if isinstance(family, AugmentedFamily) else family


def family_for_testing(
    own: TaskFamily, family: TaskFamily | None, split: Split | None
) -> TaskFamily:
    """The family to draw test tasks from.

    Args:
        own: The learner's.
        family: Another one; None for the learner's.
        split: Which of its tasks; None: "test", unless `family` is on "validation" or "test".

    Raises:
        ValueError: As for `on_split`.
    """
    if family is None:
        return on_split(own, "test" if split is None else split)
    if split is None and getattr(family, "split", "train") in ("validation", "test"):
        return _unaltered(family)
    return on_split(family, "test" if split is None else split)


def held_out_tasks(family: TaskFamily, tasks: int, seed: int, params: Params) -> TaskBatch:
    """Draw tasks from the stream "evaluation", on the device and in the precision of θ."""
    check_count("tasks", tasks, 1)
    return draw(family, tasks, stream(seed, "evaluation"), params)


def one_task(batch: TaskBatch, task: int) -> TaskBatch:
    """A batch with one task of a batch, without what was padded.

    Raises:
        ValueError: There is no task of this number.
    """
    tasks = count_tasks(batch.support, batch.query)
    if not isinstance(task, int) or not 0 <= task < tasks:
        raise ValueError(f"task must be from 0 to {tasks - 1}, got {task!r}")
    one = map_batch(lambda tensor: tensor[task : task + 1], batch)
    [(_, support, query)] = even_groups(one.support, one.query)
    return TaskBatch(support, query, one.info)


def task_portrait(
    family: TaskFamily, algorithm: Algorithm, loss_fn: TaskLoss, params: Params, one: TaskBatch
) -> AnyPortrait | None:
    """Draw a batch of one task and the adaptation to it; None if its family cannot draw."""
    if not isinstance(family, DrawableFamily):
        return None
    predictors = predictors_along(algorithm, loss_fn, params, one)
    portrait = family.portrait(one, predictors)
    if not isinstance(portrait, AnyPortrait | None):
        raise ValueError(
            f"{type(family).__name__}.portrait must return a labkit.Portrait, ImagePortrait "
            "or PathPortrait, or "
            f"None, got {portrait!r}"[:300]
        )
    if portrait is None or not all(isinstance(leaf, Tensor) for leaf in tree_leaves(one.query)):
        return portrait  # data that depend on θ are not there yet
    query = tree_map(lambda tensor: tensor[0], one.query)
    losses = []
    for step, predict in enumerate(predictors):
        data = query.at(predict, step, params) if isinstance(query, Draws) else query
        losses.append(family.loss(predict, data).detach())
    return replace(portrait, losses=torch.stack(losses))
