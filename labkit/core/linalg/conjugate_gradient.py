"""Solving A x = b by conjugate gradients, on parameters in place of vectors."""

from collections.abc import Callable

import torch

from labkit.core.linalg.vectors import inner_product
from labkit.core.types import Params


def conjugate_gradient(matrix: Callable[[Params], Params], b: Params, steps: int) -> Params:
    """X with A x = b, for a symmetric positive definite A given by its products.

    Args:
        matrix: v ↦ A v.
        b: Right-hand side.
        steps: Number of steps; a system of n unknowns is solved exactly, up to rounding, by n.
            Steps after that change nothing.

    Returns:
        x, like `b`.

    Source:
        Hestenes, Stiefel 1952, doi:10.6028/jres.049.044.

    Example:
        >>> half = conjugate_gradient(
        ...     lambda v: {"w": 2 * v["w"]}, {"w": torch.tensor([2.0, 4.0])}, steps=1
        ... )
        >>> half["w"]
        tensor([1., 2.])
    """
    x = {name: torch.zeros_like(value) for name, value in b.items()}
    residual = direction = b
    squared = start = inner_product(b, b)
    smallest = torch.finfo(start.dtype).eps ** 2
    for _ in range(steps):
        image = matrix(direction)
        # solved to rounding: what is left has no direction, and would be divided by zero
        going = squared > smallest * start
        curvature = inner_product(direction, image)
        length = torch.where(going, squared / torch.where(going, curvature, 1.0), 0.0)
        x = {n: v + length * direction[n] for n, v in x.items()}
        residual = {n: r - length * image[n] for n, r in residual.items()}
        new = inner_product(residual, residual)
        ratio = torch.where(going, new / torch.where(going, squared, 1.0), 0.0)
        direction = {n: r + ratio * direction[n] for n, r in residual.items()}
        squared = new
    return x
