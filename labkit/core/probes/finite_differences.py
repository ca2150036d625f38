"""A gradient against central differences along random directions."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor

from labkit.core.linalg import inner_product
from labkit.core.pytrees import tree_leaves, tree_map

Tree: TypeAlias = Any
"""A pytree of tensors, such as θ, or α in one of its forms."""

Objective: TypeAlias = Callable[[Any], Tensor]
"""Pytree → 0-d tensor."""


@dataclass(frozen=True, slots=True)
class Differences:
    """One row for each direction v, shape (rows,) each.

    Attributes:
        analytic: ⟨∇F, v⟩ by the gradient that is judged.
        numeric: (F(x + h v) − F(x − h v)) / 2h.
        numeric_half: The same with h / 2.
        errors: |analytic − (4 numeric_half − numeric)/3|, which leaves out the error of order h²,
            relative to the largest of |analytic|, |numeric| and ‖∇F‖/√n, which is usual along a
            random direction.
        allowed: The error that passes: the tolerance, and what rounding may add.
        kinks: Where the differences have not settled: there is a kink or a jump within h, or F is
            random. Such a row shows nothing.
        steps: h.
    """

    analytic: Tensor
    numeric: Tensor
    numeric_half: Tensor
    errors: Tensor
    allowed: Tensor
    kinks: Tensor
    steps: Tensor


def differences(
    objective: Objective,
    point: Tree,
    gradient: Tree,
    *,
    directions: int,
    generator: torch.Generator,
    step: float,
    tolerance: float,
) -> Differences:
    """Compare a gradient with central differences along random unit directions.

    A row has settled if the central differences with h and h / 2 agree, and if the forward less the
    backward difference halves with h, as it does where F is smooth: a kink at the point itself
    leaves it as it is. Otherwise h becomes ten times smaller, twice at most. Rounding is allowed
    64 ε |F| / h, with ε that of the floating-point type.

    Args:
        objective: F.
        point: Where, x; a pytree of tensors.
        gradient: What is claimed to be ∇F(x), like `point`.
        directions: Number of directions, ≥ 1; no more than x has elements.
        generator: Draws them.
        step: h > 0, where it starts.
        tolerance: Relative difference that counts as agreement, > 0.

    Returns:
        `Differences`, with one row for each direction.

    Source:
        Nocedal, Wright 2006, Numerical Optimization, §8.1, eq. 8.7.

    Example:
        F = x³/3 at 2 has the slope 4, and 6 is none.

        >>> two = torch.tensor(2.0, dtype=torch.float64)
        >>> for slope in (4.0, 6.0):
        ...     found = differences(
        ...         lambda x: x**3 / 3, two, torch.full_like(two, slope), directions=1,
        ...         generator=torch.Generator().manual_seed(0), step=1e-5, tolerance=1e-6,
        ...     )
        ...     print(round(float(found.errors), 6))
        0.0
        0.333333
    """
    size = sum(leaf.numel() for leaf in tree_leaves(point))
    typical = torch.sqrt(inner_product(gradient, gradient) / size)
    here, rows = objective(point), []
    for _ in range(min(directions, size)):
        direction = _unit_direction(point, generator)
        analytic = inner_product(gradient, direction)
        for h in (step, step / 10, step / 100):
            full, bend = _central(objective, point, direction, here, h)
            half, half_bend = _central(objective, point, direction, here, h / 2)
            scale = torch.stack([analytic.abs(), full.abs(), typical]).max()
            allowed = tolerance * scale + 64 * torch.finfo(here.dtype).eps * here.abs() / h
            # half of what is allowed, since a third more than full − half is wrong with full
            kink = ((full - half).abs() > allowed / 2) | (
                (bend - 2 * half_bend).abs() > 4 * allowed
            )
            if not kink:
                break
        # extrapolated to h = 0: what is left of (F(x + h v) − F(x − h v)) / 2h is of order h²
        error = (analytic - (4 * half - full) / 3).abs()
        row = analytic, full, half, _relative(error, scale), _relative(allowed, scale), kink
        rows.append((*row, here.new_tensor(h)))
    return Differences(*(torch.stack(column) for column in zip(*rows, strict=True)))


def _relative(error: Tensor, scale: Tensor) -> Tensor:
    return torch.where(error == 0, 0.0, error / scale)


def _central(
    objective: Objective, point: Tree, direction: Tree, here: Tensor, step: float
) -> tuple[Tensor, Tensor]:
    """The central difference, and the forward one less the backward one."""
    ahead, behind = (
        objective(tree_map(lambda p, d, move=move: p + move * d, point, direction))
        for move in (step, -step)
    )
    return (ahead - behind) / (2 * step), ((ahead - here) - (here - behind)) / step


def _unit_direction(point: Tree, generator: torch.Generator) -> Tree:
    def draw(leaf: Tensor) -> Tensor:
        direction = torch.randn(
            leaf.shape, generator=generator, dtype=leaf.dtype, device=generator.device
        )
        return direction.to(leaf.device)

    direction = tree_map(draw, point)
    norm = torch.sqrt(inner_product(direction, direction))
    return tree_map(lambda leaf: leaf / norm, direction)
