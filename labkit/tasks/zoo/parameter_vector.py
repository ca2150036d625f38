"""The model of a toy problem: its output is θ itself."""

import math

import torch
from torch import Tensor, nn

from labkit.core import check_count


class _ParameterVector(nn.Module):
    def __init__(self, theta: Tensor) -> None:
        super().__init__()
        self.theta = nn.Parameter(theta)

    def forward(self) -> Tensor:
        return self.theta


def parameter_vector(
    generator: torch.Generator,  # noqa: ARG001  # every model takes one
    size: int = 1,
    start: float = 0.0,
) -> nn.Module:
    """A model without inputs whose output is its parameter, θ of shape (size,), in float64.

    Args:
        generator: Not used: θ₀ is `start` for every seed.
        size: Number of elements of θ, ≥ 1.
        start: θ₀, the same in every element.

    Returns:
        A module with the one parameter "theta".

    Raises:
        ValueError: `size` is below 1, or `start` is not finite.

    Example:
        >>> parameter_vector(torch.Generator(), size=2, start=0.5)()
        Parameter containing:
        tensor([0.5000, 0.5000], dtype=torch.float64, requires_grad=True)
    """
    check_count("size", size, 1)
    if not math.isfinite(start):
        raise ValueError(f"start must be a finite number, got {start!r}")
    return _ParameterVector(torch.full((size,), float(start), dtype=torch.float64))
