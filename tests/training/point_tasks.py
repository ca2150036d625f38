"""Small families of tasks on given points, for tests of modules."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss

from labkit import TaskBatch
from labkit.tasks.family import Predictor

WAYS = 3


def made(module: Callable[[], nn.Module]) -> nn.Module:
    """A module with values that are always the same, in float64."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return module().double()


@dataclass(frozen=True)
class Lines:
    """y = s·x with a slope per task; with `equal` every task of a batch is the same."""

    equal: bool = False
    points: int = 4

    def sample(self, tasks: int, generator: torch.Generator) -> TaskBatch:
        count = 1 if self.equal else tasks
        x = torch.randn(count, 2 * self.points, 2, generator=generator, dtype=torch.float64)
        slope = torch.randn(count, 1, 1, generator=generator, dtype=torch.float64)
        x, y = (t.expand(tasks, -1, -1) for t in (x, slope * x[..., :1]))
        n = self.points
        return TaskBatch((x[:, :n], y[:, :n]), (x[:, n:], y[:, n:]))

    def loss(self, predict: Predictor, batch: Any) -> Tensor:
        return mse_loss(predict(batch[0]), batch[1])


@dataclass(frozen=True)
class Clouds:
    """Classification of points around one centre per class, drawn for each task."""

    shots: int = 4

    def sample(self, tasks: int, generator: torch.Generator) -> TaskBatch:
        def draw(*shape: int) -> Tensor:
            return torch.randn(tasks, *shape, generator=generator, dtype=torch.float64)

        centres = 2 * draw(WAYS, 1, 2)
        x = centres + 0.5 * draw(WAYS, 2 * self.shots, 2)
        y = torch.arange(WAYS).unsqueeze(-1).expand(tasks, WAYS, self.shots)
        support, query = x[:, :, : self.shots], x[:, :, self.shots :]
        return TaskBatch((support.flatten(1, 2), y.flatten(1)), (query.flatten(1, 2), y.flatten(1)))

    def loss(self, predict: Predictor, batch: Any) -> Tensor:
        return cross_entropy(predict(batch[0]), batch[1])

    def labels(self, batch: Any) -> Tensor:
        y: Tensor = batch[1]
        return y
