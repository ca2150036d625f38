"""Scalar quadratic tasks, on which meta-training converges to known values of θ."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from labkit import TaskBatch


class Point(nn.Module):
    """f_θ() = θ."""

    def __init__(self, start: float = 0.0) -> None:
        super().__init__()
        self.theta = nn.Parameter(torch.tensor(start, dtype=torch.float64))

    def forward(self) -> Tensor:
        return self.theta


@dataclass(frozen=True)
class Parabolas:
    """L = a(θ − c)²/2, always the same tasks; support and query are equal."""

    curvature: tuple[float, ...] = (0.5, 2.0, 4.0)
    centre: tuple[float, ...] = (-1.0, 0.5, 3.0)

    def sample(self, tasks: int, generator: torch.Generator) -> TaskBatch:
        data = torch.tensor([self.curvature, self.centre], dtype=torch.float64).T[:tasks]
        # drawn without use: the stream moves as in a family that samples
        torch.rand(1, generator=generator)
        return TaskBatch(support=data, query=data)

    def loss(self, predict: Callable[[], Tensor], batch: Any) -> Tensor:
        curvature, centre = batch
        loss: Tensor = curvature * (predict() - centre) ** 2 / 2
        return loss
