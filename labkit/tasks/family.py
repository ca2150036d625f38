"""What a family of tasks p(T) must offer: the protocol, and the data of a batch of tasks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, runtime_checkable

import torch
from torch import Tensor

Predictor: TypeAlias = Callable[..., Any]
"""f_θ with its parameters bound: what `model(...)` would return."""


@dataclass(frozen=True, slots=True)
class TaskBatch:
    """A batch of tasks; the first axis of every tensor is the task.

    Attributes:
        support: Pytree of tensors, data to adapt on, (tasks, shots, …).
        query: Pytree of tensors, data to be judged on, (tasks, queries, …).
        info: What defines each task, for drawing and reports, name → (tasks, …).
    """

    support: Any
    query: Any
    info: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Portrait:
    """One regression task and how the model adapts to it, as curves over x.

    Attributes:
        x: Grid, shape (points,).
        truth: True function on the grid, (points,).
        predictions: Model on the grid after 0 … K inner steps, (K + 1, points).
        support_x: (shots,).
        support_y: (shots,).
    """

    x: Tensor
    truth: Tensor
    predictions: Tensor
    support_x: Tensor
    support_y: Tensor


class TaskFamily(Protocol):
    """p(T): samples tasks from an explicit generator and knows the loss on one task."""

    def sample(self, tasks: int, generator: torch.Generator) -> TaskBatch:
        """Draw a batch of `tasks` tasks; equal generator states give equal batches."""
        ...

    def loss(self, predict: Predictor, batch: Any) -> Tensor:
        """0-d loss of a predictor on the support or query data of one task (no task axis)."""
        ...


@runtime_checkable
class DrawableFamily(Protocol):
    """A task family that can draw one task and the model's adaptation to it."""

    def portrait(self, task: TaskBatch, predictors: Sequence[Predictor]) -> Portrait:
        """Curves for a batch of one task; predictors are f after 0 … K inner steps."""
        ...


@runtime_checkable
class LabelledFamily(Protocol):
    """A family of classification tasks."""

    def labels(self, batch: Any) -> Tensor:
        """Class of each point of one task's support or query data, (points,), 0 … ways − 1."""
        ...
