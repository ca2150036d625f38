"""What moves θ and a learned α: SGD or Adam, as functions of tensors that a recording can hold."""

import math
from typing import Literal, NamedTuple, TypeAlias, get_args

import torch
from torch import Tensor

MetaOptimizer: TypeAlias = Literal["adam", "sgd"]

DECAY, SQUARE_DECAY, EPSILON = 0.9, 0.999, 1e-8
"""Of Adam: β₁, β₂ and ε, as in its paper and in torch."""


class Slot(NamedTuple):
    """A tensor that is moved, and what its optimiser remembers of earlier gradients.

    Attributes:
        value: Real.
        memory: By the names that `torch.optim` gives them; empty for SGD.
    """

    value: Tensor
    memory: dict[str, Tensor]


def check_meta_optimizer(name: str) -> None:
    """Refuse what is no optimiser.

    Raises:
        ValueError: It is none.
    """
    if name not in get_args(MetaOptimizer):
        raise ValueError(f"meta_optimizer must be 'adam' or 'sgd', got {name!r}")


def new_slot(name: MetaOptimizer, value: Tensor) -> Slot:
    """A tensor that this optimiser has not moved yet."""
    if name == "sgd":
        return Slot(value, {})
    memory = {"exp_avg": torch.zeros_like(value), "exp_avg_sq": torch.zeros_like(value)}
    return Slot(value, {"step": torch.zeros((), device=value.device), **memory})


def step_size(beta: float, value: Tensor) -> Tensor:
    """β as `moved` takes it for this tensor, 0-d: an input, so that nothing is compiled for it."""
    return torch.tensor(beta, dtype=_exact(value.dtype), device=value.device)


def moved(name: MetaOptimizer, slot: Slot, gradient: Tensor, beta: Tensor) -> Slot:
    """The slot after one step.

    SGD: x − βg. Adam, at its step t: m = β₁m + (1 − β₁)g, v = β₂v + (1 − β₂)g²,
    x − β m̂ / (√v̂ + ε) with m̂ = m / (1 − β₁ᵗ) and v̂ = v / (1 − β₂ᵗ).

    Args:
        name: Which.
        slot: As it was.
        gradient: Real, like the slot's value.
        beta: Of `step_size`.

    Source:
        Kingma, Ba 2015, arXiv:1412.6980, Algorithm 1.

    Example:
        The first step of Adam is β long, whatever the gradient.

        >>> slot = new_slot("adam", torch.tensor([1.0, 1.0]))
        >>> moved("adam", slot, torch.tensor([3.0, -0.01]), torch.tensor(0.5)).value
        tensor([0.5000, 1.5000])
    """
    if name == "sgd":
        return Slot(slot.value - beta * gradient, {})
    step = slot.memory["step"] + 1
    mean = slot.memory["exp_avg"].lerp(gradient, 1 - DECAY)
    square = slot.memory["exp_avg_sq"] * SQUARE_DECAY + (1 - SQUARE_DECAY) * gradient * gradient
    taken = step.to(_exact(slot.value.dtype))
    # 1 − bᵗ, which a difference of numbers near 1 would blur
    unbiased, root = (-torch.expm1(taken * math.log(decay)) for decay in (DECAY, SQUARE_DECAY))
    value = slot.value - (beta / unbiased) * mean / (square.sqrt() / root.sqrt() + EPSILON)
    return Slot(value, {"step": step, "exp_avg": mean, "exp_avg_sq": square})


def _exact(dtype: torch.dtype) -> torch.dtype:
    return torch.float64 if dtype == torch.float64 else torch.float32
