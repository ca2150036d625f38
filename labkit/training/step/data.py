"""Tasks for a meta-step: sampled, checked, and brought to the device and precision of θ."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeGuard

import torch
from torch import Tensor

from labkit.core import (
    Params,
    TaskList,
    count_listed,
    count_tasks,
    drawing,
    tree_map,
    with_noise,
)
from labkit.tasks import GenerativeFamily, TaskBatch, TaskFamily, padded_as_listed, padded_batch


def draw(family: TaskFamily, tasks: int, generator: torch.Generator, params: Params) -> TaskBatch:
    """Sample tasks, in the precision of θ and on its device.

    Raises:
        ValueError: As for `sampled`.
    """
    return to_model(sampled(family, tasks, generator), params)


def sampled(family: TaskFamily, tasks: int, generator: torch.Generator) -> TaskBatch:
    """Sample tasks as the family gives them; those of different sizes padded to one.

    Data that are functions get seeds from the generator, after what the family has drawn.

    Raises:
        ValueError: The family does not return a batch of that many tasks.
    """
    batch = family.sample(tasks, generator)
    if not isinstance(batch, TaskBatch):
        raise ValueError(
            f"{type(family).__name__}.sample must return labkit.TaskBatch(support, query), got "
            f"{type(batch).__name__}"
        )
    state = generator.get_state()

    def sample(others: int) -> TaskBatch:
        """A batch of another number of tasks, which leaves the stream as it is."""
        other = torch.Generator(generator.device).set_state(state)
        return family.sample(others, other)

    batch = seeded(padded_batch(batch, tasks, sample), generator)
    listed = count_listed(batch.support, batch.query)
    count = count_tasks(batch.support, batch.query) if listed is None else listed
    if count != tasks:
        raise ValueError(
            f"{type(family).__name__}.sample returned {count} tasks instead of {tasks}: the first "
            "axis of support and query must be the task"
        )
    return batch


def seeded(batch: TaskBatch, generator: torch.Generator) -> TaskBatch:
    """Tasks with random numbers for the data that are functions; all others as they are."""
    support = drawing(batch.support, generator, by_step=True)
    return TaskBatch(support, drawing(batch.query, generator, by_step=False), batch.info)


def draw_noise(
    family: GenerativeFamily, tasks: int, generator: torch.Generator, params: Params
) -> Any:
    """Draw the random numbers of a batch, on the device of θ, where the rest is computed."""
    device = next(iter(params.values())).device
    return tree_map(lambda tensor: tensor.to(device), family.noise(tasks, generator))


def to_model(batch: TaskBatch, params: Params) -> TaskBatch:
    """Move a batch to the device of θ, its real and complex tensors to the precision of θ."""
    reference = next(iter(params.values()))
    real = reference.real.dtype

    def move(tensor: Tensor) -> Tensor:
        if tensor.is_complex():
            return tensor.to(reference.device, real.to_complex())
        return tensor.to(reference.device, real if tensor.is_floating_point() else None)

    return map_batch(move, batch)


def given_batch(batch: TaskBatch, params: Params, generator: torch.Generator) -> TaskBatch:
    """A batch of a user's, as a family gives it or padded already, as `draw` would return it.

    Args:
        batch: Tasks.
        params: θ.
        generator: For data that are functions.

    Raises:
        ValueError: Tasks of different sizes do not fit together.
    """
    return to_model(seeded(padded_as_listed(batch), generator), params)


def map_batch(function: Callable[[Tensor], Tensor], batch: TaskBatch) -> TaskBatch:
    """Apply a function to every tensor of a batch."""

    def over(part: Any) -> Any:
        if isinstance(part, TaskList):
            return TaskList([tree_map(function, each) for each in part])
        return tree_map(function, part)

    return TaskBatch(*map(over, (batch.support, batch.query, batch.info)))


def draw_inputs(
    family: TaskFamily, tasks: int, generator: torch.Generator, params: Params, inner_steps: int
) -> Any:
    """Draw what a meta-step reads of a batch of tasks, tensors alone.

    Args:
        family: p(T).
        tasks: How many.
        generator: The stream to draw from.
        params: θ, whose device and precision the tensors get.
        inner_steps: K; data that are drawn with the parameters get the random numbers of all steps.
    """
    if _is_generative(family):
        return draw_noise(family, tasks, generator, params)
    batch = draw(family, tasks, generator, params)
    return with_noise(batch.support, inner_steps + 1), with_noise(batch.query, 1)


def batch_of(family: TaskFamily, inputs: Any, params: Params) -> TaskBatch:
    """The tasks that belong to the result of `draw_inputs`."""
    if _is_generative(family):
        return to_model(family.tasks_of(inputs), params)
    return TaskBatch(*inputs)


def _is_generative(family: TaskFamily) -> TypeGuard[GenerativeFamily]:
    return _are_generative(type(family))


@lru_cache
def _are_generative(kind: type) -> bool:
    # a protocol's isinstance check takes longer than drawing
    return issubclass(kind, GenerativeFamily)
