"""From the gradients of single tasks to that of a batch, all tasks at once or a few at a time."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from labkit.core.checks import check_count, check_reduction, count_listed, count_tasks
from labkit.core.inner import AlphaTensors
from labkit.core.pytrees import tree_map
from labkit.core.types import Batch, Params, Reduction


@dataclass(frozen=True, slots=True)
class MetaGradient:
    """What `meta_gradient` returns.

    Attributes:
        loss: The meta-objective, 0-d: its mean or sum over the tasks.
        task_losses: Query loss of each task after adaptation, shape (tasks,).
        params: ∂loss/∂θ, like `params`; for Reptile and iMAML the direction they put in its place.
        alpha: ∂loss/∂α, in the structure of `alpha`, with tensors in place of numbers; None where
            the algorithm defines none.
    """

    loss: Tensor
    task_losses: Tensor
    params: Params
    alpha: AlphaTensors | None


ChunkGradient: TypeAlias = Callable[[Batch, Batch, int], MetaGradient]
"""(support, query, divisor) → sums over these tasks, each divided by the divisor."""


def over_tasks(
    gradient: ChunkGradient,
    support: Batch,
    query: Batch,
    *,
    reduction: Reduction,
    task_chunk: int | None,
) -> MetaGradient:
    """Add up the gradients of chunks of tasks, with only one chunk in memory at a time.

    Args:
        gradient: Sums over a chunk of tasks.
        support: Pytree of tensors, (tasks, shots, …); or a `TaskList`, each of whose tasks is a
            chunk.
        query: Pytree of tensors, (tasks, queries, …); or a `TaskList`.
        reduction: "mean" or "sum" over all tasks.
        task_chunk: Tasks at once, ≥ 1; None: all.

    Returns:
        The `MetaGradient` of all tasks.

    Raises:
        ValueError: An argument is out of its range or the first axes differ.
    """
    check_reduction(reduction)
    if task_chunk is not None:
        check_count("task_chunk", task_chunk, 1)
    listed = count_listed(support, query)
    tasks = count_tasks(support, query) if listed is None else listed
    divisor = tasks if reduction == "mean" else 1
    if listed is not None:
        return _sum([gradient(*_alone(support[i], query[i]), divisor) for i in range(tasks)])
    if task_chunk is None:
        return gradient(support, query, divisor)
    return _sum(
        [
            gradient(*_tasks(first, first + task_chunk, support, query), divisor)
            for first in range(0, tasks, task_chunk)
        ]
    )


def _alone(support: Batch, query: Batch) -> tuple[Batch, Batch]:
    """The data of one task as batches of one task."""
    count_tasks(*(one := tree_map(_with_axis, (support, query))))
    return one[0], one[1]


def _with_axis(leaf: object) -> object:
    return leaf[None] if isinstance(leaf, Tensor) and not leaf.is_nested else leaf


def _sum(parts: list[MetaGradient]) -> MetaGradient:
    """All tasks, from sums over some of them, in order."""
    return MetaGradient(
        loss=_add(*(part.loss for part in parts)),
        task_losses=torch.cat([part.task_losses for part in parts]),
        params=tree_map(_add, *(part.params for part in parts)),
        alpha=None if parts[0].alpha is None else tree_map(_add, *(part.alpha for part in parts)),
    )


def _add(*leaves: Tensor) -> Tensor:
    return torch.stack(leaves).sum(0)


def _tasks(first: int, end: int, support: Batch, query: Batch) -> tuple[Batch, Batch]:
    cut = tree_map(lambda tensor: tensor[first:end], (support, query))
    return cut[0], cut[1]
