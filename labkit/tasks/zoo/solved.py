"""What a family must offer whose answers are known in closed form."""

from typing import Literal, Protocol, TypeAlias, get_args, runtime_checkable

import torch
from torch import Tensor

from labkit.core import check_count

Method: TypeAlias = Literal["exact", "first order", "Reptile", "joint"]
"""What moves θ: MAML of order 2, of order 1, Reptile, or joint training."""

METHODS: tuple[Method, ...] = get_args(Method)

StepSize: TypeAlias = float | Tensor
"""α: one number, or one for each element of θ, (size,)."""


@runtime_checkable
class SolvedFamily(Protocol):
    """A family of a few tasks whose meta-gradients are known without differentiating anything.

    θ is the vector of `parameter_vector`. Batches repeat the tasks in turn, and `info["task"]`
    counts them, so a batch of a multiple of `len(names)` tasks has exactly the family's mean.
    """

    @property
    def names(self) -> tuple[str, ...]:
        """What each task is called."""
        ...

    def directions(
        self, method: Method, theta: Tensor, *, alpha: StepSize, inner_steps: int
    ) -> Tensor:
        """What would move θ if each task were alone, (tasks, size)."""
        ...

    def fixed_point(self, method: Method, *, alpha: StepSize, inner_steps: int) -> Tensor:
        """θ* at which the mean of the directions is 0, (size,)."""
        ...

    def largest_beta(self, method: Method, *, alpha: StepSize, inner_steps: int) -> float:
        """SGD's meta-steps converge to θ* (from near it) for 0 < β < this; 0 if for no β."""
        ...

    def loss_after(self, theta: Tensor, *, alpha: StepSize, inner_steps: int) -> Tensor:
        """Expected query loss of each task after adaptation, (tasks,)."""
        ...

    def curvature(self, theta: Tensor, *, alpha: StepSize, inner_steps: int) -> Tensor:
        """The eigenvalue of α_k H_k of the largest size at θ_0 … θ_{K−1}, (tasks, K)."""
        ...


def check_method(method: str) -> None:
    """Raise ValueError unless this is one of the four methods."""
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}")


def step_size(alpha: StepSize, size: int) -> Tensor:
    """α of each element, (size,), float64.

    Raises:
        ValueError: α is neither one finite number nor one for each element.
    """
    value = torch.as_tensor(alpha, dtype=torch.float64).detach().cpu()
    if value.shape not in {(), (1,), (size,)} or not value.isfinite().all():
        raise ValueError(
            f"alpha must be a finite number, or one for each of {size} elements, got {alpha!r}"
        )
    return value.reshape(-1).expand(size)


def check_theta(theta: Tensor, size: int, inner_steps: int) -> None:
    """Raise ValueError unless θ has the shape (size,) and K is a whole number ≥ 0."""
    check_count("inner_steps", inner_steps, 0)
    if tuple(theta.shape) != (size,):
        raise ValueError(f"theta must have shape ({size},), got {tuple(theta.shape)}")
