"""A task of one parameter, drawn as its loss with a tangent at each inner step."""

from collections.abc import Callable

import torch
from torch import Tensor

from labkit.tasks.family import Portrait

POINTS = 101
MARGIN = 1.5
"""How far the drawing goes beyond the minima, in units of θ."""


def loss_portrait(
    loss: Callable[[Tensor], Tensor],
    slope: Callable[[Tensor], Tensor],
    path: Tensor,
    *,
    centre: Tensor,
    around: Tensor,
    title: str,
) -> Portrait:
    """The loss of a task over θ, and its tangent at θ_0 … θ_K.

    Args:
        loss: θ → loss, of any shape.
        slope: Its derivative.
        path: θ_0 … θ_K, (K + 1,).
        centre: Minima of the support loss, (points,).
        around: Minima of all tasks: the drawing spans them.
        title: Which task this is.
    """
    low, high = float(around.min()) - MARGIN, float(around.max()) + MARGIN
    grid = torch.linspace(low, high, POINTS, dtype=torch.float64)
    at = path.to(grid)[:, None]
    return Portrait(
        x=grid,
        truth=loss(grid),
        predictions=loss(at) + slope(at) * (grid - at),
        support_x=centre.to(grid),
        support_y=torch.zeros_like(centre.to(grid)),
        title=title,
        x_label="θ; each line touches the loss at θ_k",
        y_label="loss",
    )
