"""Drawing tasks for peers that use torch, all of a meta-batch at once."""

from typing import TypeAlias

import torch
from torch import Tensor

from benchmarks.peers.work import (
    AMPLITUDE,
    PHASE,
    POINTS,
    WAYS,
    X_RANGE,
    Points,
    Work,
    images,
)

Data: TypeAlias = tuple[Tensor, Tensor]
"""Inputs and targets; the first axis is the task."""


class Tasks:
    """Draws meta-batches of a work, in float32."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._generator = torch.Generator().manual_seed(0)
        self._pool = torch.from_numpy(images()) if work.network == "conv4" else None

    def draw(self) -> tuple[Data, Data]:
        """Support and query."""
        return self._waves() if self._pool is None else self._images(self._pool)

    def _waves(self) -> tuple[Data, Data]:
        tasks = self._work.meta_batch
        amplitude, phase = (self._uniform(ends, tasks, 1) for ends in (AMPLITUDE, PHASE))
        x = self._uniform(X_RANGE, tasks, 2 * POINTS)
        y = amplitude * torch.sin(x - phase)
        return (x[:, :POINTS], y[:, :POINTS]), (x[:, POINTS:], y[:, POINTS:])

    def _uniform(self, ends: tuple[float, float], tasks: int, points: int) -> Tensor:
        low, high = ends
        return low + (high - low) * torch.rand(tasks, points, 1, generator=self._generator)

    def _images(self, pool: Tensor) -> tuple[Data, Data]:
        tasks = self._work.meta_batch
        classes = torch.rand(tasks, len(pool), generator=self._generator).topk(WAYS).indices
        keys = torch.rand(tasks, WAYS, pool.shape[1], generator=self._generator)
        support, query = keys.topk(2).indices.unbind(-1)
        labels = torch.arange(WAYS).expand(tasks, WAYS)
        return (pool[classes, support], labels), (pool[classes, query], labels)


def as_data(points: Points) -> Data:
    """Given arrays as tensors."""
    x, y = points
    return torch.from_numpy(x), torch.from_numpy(y)
