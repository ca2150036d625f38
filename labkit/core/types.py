"""Shared type names of the core: parameters, batches, losses and step sizes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

from torch import Tensor

Params: TypeAlias = dict[str, Tensor]
"""θ: parameter name → tensor."""

Batch: TypeAlias = Any
"""A pytree of tensors; what it holds is between the task family and its loss."""

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


def loss_at(loss_fn: LossFn, step: int) -> LossFn:
    """The loss at one inner step: `loss_fn` itself unless it is a `StepwiseLoss`."""
    return loss_fn.at_step(step) if isinstance(loss_fn, StepwiseLoss) else loss_fn
