"""Shared type names of the core: parameters, batches, losses and step sizes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

from torch import Tensor

Params: TypeAlias = dict[str, Tensor]
"""θ: parameter name → tensor."""

Batch: TypeAlias = Any
"""A pytree of tensors; what it holds is between the task family and its loss."""

LossFn: TypeAlias = Callable[[Params, Batch], Tensor]
"""(params, batch) → 0-d loss: all that the core knows of a model and a task."""

Order: TypeAlias = Literal[1, 2]
Reduction: TypeAlias = Literal["mean", "sum"]

StepSize: TypeAlias = float | Tensor | Mapping[str, float | Tensor]
"""α of one inner step: a number, or per parameter a 0-d tensor or one of its shape."""

Alpha: TypeAlias = StepSize | Sequence[StepSize]
"""α of all inner steps: one `StepSize` for every step, or a sequence with one per step."""
