"""Batches of tasks on their way to a model."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from labkit.core import Params, count_tasks, map_leaves
from labkit.tasks import GenerativeFamily, TaskBatch, TaskFamily


def draw(family: TaskFamily, tasks: int, generator: torch.Generator, params: Params) -> TaskBatch:
    """Sample tasks and bring them to a model.

    Raises:
        ValueError: What the family gives is no batch of so many tasks.
    """
    batch = family.sample(tasks, generator)
    if not isinstance(batch, TaskBatch):
        raise ValueError(
            f"{type(family).__name__}.sample must return labkit.TaskBatch(support, query), got "
            f"{type(batch).__name__}"
        )
    if (found := count_tasks(batch.support, batch.query)) != tasks:
        raise ValueError(
            f"{type(family).__name__}.sample gave {found} tasks where {tasks} were asked for: the "
            "first axis of support and query is the task"
        )
    return to_model(batch, params)


def draw_noise(
    family: GenerativeFamily, tasks: int, generator: torch.Generator, params: Params
) -> Any:
    """The random numbers of a batch, on the device of θ; what follows from them is made there."""
    device = next(iter(params.values())).device
    return map_leaves(lambda tensor: tensor.to(device), family.noise(tasks, generator))


def to_model(batch: TaskBatch, params: Params) -> TaskBatch:
    """The batch on the device of θ, its real and complex tensors in the precision of θ."""
    reference = next(iter(params.values()))
    real = reference.real.dtype

    def move(tensor: Tensor) -> Tensor:
        if tensor.is_complex():
            return tensor.to(reference.device, real.to_complex())
        return tensor.to(reference.device, real if tensor.is_floating_point() else None)

    return map_batch(move, batch)


def map_batch(function: Callable[[Tensor], Tensor], batch: TaskBatch) -> TaskBatch:
    """Apply a function to every tensor of a batch."""
    return TaskBatch(
        *(map_leaves(function, part) for part in (batch.support, batch.query, batch.info))
    )
