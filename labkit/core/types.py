"""Shared type names of the core: parameters, batches, losses and step sizes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias, final, runtime_checkable

from torch import Tensor

Params: TypeAlias = dict[str, Tensor]
"""θ: parameter name → tensor."""

Batch: TypeAlias = Any
"""A pytree of tensors; what it holds is between the task family and its loss."""


@final
@dataclass(frozen=True, slots=True)
class TaskList:
    """Support or query data of tasks that differ in size or in form: one batch for each task.

    `meta_gradient` and `adaptation_curve` take it in place of tensors whose first axis is the task,
    and compute one task after another, each as if it were alone.

    Args:
        batches: Data of each task, without a task axis, ≥ 1.

    Raises:
        ValueError: It is no list or tuple, or empty.

    Example:
        >>> import torch
        >>> from labkit.core import meta_gradient
        >>> loss = lambda p, x: (p["w"] * x - 1).square().mean()
        >>> data = TaskList([torch.ones(2), torch.ones(5)])
        >>> theta = {"w": torch.tensor(0.0)}
        >>> meta_gradient(loss, theta, data, data, alpha=0.1, inner_steps=1).task_losses
        tensor([0.6400, 0.6400])
    """

    batches: Sequence[Batch]

    def __post_init__(self) -> None:
        if not isinstance(self.batches, list | tuple) or not self.batches:
            raise ValueError(
                "TaskList takes a list of at least one batch, the data of each task, got "
                f"{type(self.batches).__name__}"
            )

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Batch]:
        return iter(self.batches)

    def __getitem__(self, task: int) -> Batch:
        return self.batches[task]


LossFn: TypeAlias = Callable[[Params, Batch], Tensor]
"""(params, batch) → 0-d loss: all that the core knows of a model and a task."""

Order: TypeAlias = Literal[1, 2]
Reduction: TypeAlias = Literal["mean", "sum"]

Patterns: TypeAlias = str | Sequence[str]
"""A pattern with `*` and `?` for the names of parameters, or several."""

StepSize: TypeAlias = float | Tensor | Mapping[str, float | Tensor]
"""α of one inner step: a number, or per parameter (or pattern of names) a 0-d tensor or one of its
shape; parameters that a mapping does not name stay where they are."""

Alpha: TypeAlias = StepSize | Sequence[StepSize]
"""α of all inner steps: one `StepSize` for every step, or a sequence with one per step."""


@runtime_checkable
class StepwiseLoss(Protocol):
    """A loss function that differs from inner step to inner step."""

    def at_step(self, step: int) -> LossFn:
        """The loss at θ_step, for step = 0 … K; the query loss at θ' is that of step K."""
        ...


@runtime_checkable
class EmbeddingLoss(Protocol):
    """A classification loss that also shows what the model's head sees."""

    def embed(self, params: Params, batch: Batch, head: str) -> tuple[Tensor, Tensor]:
        """What enters the layer of weight `head`, (points, features), and labels, (points,)."""
        ...
