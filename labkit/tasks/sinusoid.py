"""The sinusoid regression tasks of Finn et al. 2017, §5.1."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from labkit.core import check_count, is_number
from labkit.tasks.family import Portrait, Predictor, TaskBatch

Range = tuple[float, float]


@final
@dataclass(frozen=True, slots=True)
class Sinusoid:
    """Regression on sine waves: y = A sin(x − φ), with A and φ drawn for each task.

    A ~ U[amplitude], φ ~ U[phase], x ~ U[x_range]; the loss is the mean squared error, in the
    units of y squared.

    Args:
        shots: Support points per task, ≥ 1.
        queries: Query points per task, ≥ 1, drawn separately from the support points.
        amplitude: Range of A, units of y.
        phase: Range of φ, radians.
        x_range: Range of x, radians.
        oracle: Give the model the task's parameters: its inputs are then (x, A, φ).

    Raises:
        ValueError: A count is below 1 or a range is not (low, high) with low ≤ high.

    Source:
        Finn, Abbeel, Levine 2017, arXiv:1703.03400, §5.1: 10 shots, 10 queries, A in [0.1, 5],
        φ in [0, π], x in [−5, 5].

    Example:
        >>> batch = Sinusoid(shots=10).sample(25, torch.Generator().manual_seed(0))
        >>> x, y = batch.support
        >>> x.shape, y.shape, batch.info["amplitude"].shape
        (torch.Size([25, 10, 1]), torch.Size([25, 10, 1]), torch.Size([25]))
    """

    shots: int = 10
    queries: int = 10
    amplitude: Range = (0.1, 5.0)
    phase: Range = (0.0, math.pi)
    x_range: Range = (-5.0, 5.0)
    oracle: bool = False

    def __post_init__(self) -> None:
        check_count("shots", self.shots, 1)
        check_count("queries", self.queries, 1)
        for name in ("amplitude", "phase", "x_range"):
            bounds = getattr(self, name)
            if not (
                isinstance(bounds, Sequence) and len(bounds) == 2 and all(map(is_number, bounds))
            ):
                raise ValueError(f"{name} must be (low, high), two numbers, got {bounds!r}")
            low, high = bounds
            if not (math.isfinite(low) and math.isfinite(high) and low <= high):
                raise ValueError(f"{name} must be (low, high) with low ≤ high, got {bounds!r}")

    def sample(self, tasks: int, generator: torch.Generator) -> TaskBatch:
        """Draw tasks; x and y have shape (tasks, points, 1), float64; with `oracle` x has 3."""
        return self.tasks_of(self.noise(tasks, generator))

    def noise(self, tasks: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        """For A, φ and x, each (tasks, 1 or points, 1), in [0, 1)."""
        # float64: a float32 and a float64 model see the same tasks
        return tuple(
            torch.rand((tasks, points, 1), generator=generator, dtype=torch.float64)
            for points in (1, 1, self.shots + self.queries)
        )

    def tasks_of(self, noise: tuple[Tensor, ...]) -> TaskBatch:
        """The tasks at these shares of the ranges."""
        ranges = (self.amplitude, self.phase, self.x_range)
        amplitude, phase, x = map(_between, ranges, noise)
        y = amplitude * torch.sin(x - phase)
        if self.oracle:
            x = _with_parameters(x, amplitude, phase)
        return TaskBatch(
            support=(x[:, : self.shots], y[:, : self.shots]),
            query=(x[:, self.shots :], y[:, self.shots :]),
            info={"amplitude": amplitude.flatten(), "phase": phase.flatten()},
        )

    def loss(self, predict: Predictor, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Mean squared error of predict(x) against y."""
        x, y = batch
        return mse_loss(predict(x), y)

    def portrait(self, task: TaskBatch, predictors: Sequence[Predictor]) -> Portrait:
        """The true wave, the support points and the model's curve after each inner step."""
        support_x, support_y = task.support  # (1, shots, 1 or 3)
        low, high = self.x_range
        # not torch.linspace, whose middle is −3e−16, which the hover label would show
        part = torch.arange(101, dtype=support_x.dtype, device=support_x.device)
        grid = (low * (100 - part) + high * part) / 100
        inputs = grid.unsqueeze(-1)
        if self.oracle:
            inputs = _with_parameters(inputs, task.info["amplitude"], task.info["phase"])
        predictions = [predict(inputs).squeeze(-1) for predict in predictors]
        return Portrait(
            x=grid,
            truth=task.info["amplitude"] * torch.sin(grid - task.info["phase"]),
            predictions=torch.stack(predictions),
            support_x=support_x[..., 0].flatten(),
            support_y=support_y.flatten(),
            title=f"A {task.info['amplitude'].item():.2f}, φ {task.info['phase'].item():.2f}",
        )


def _between(bounds: Range, share: Tensor) -> Tensor:
    low, high = bounds
    return low + (high - low) * share


def _with_parameters(x: Tensor, amplitude: Tensor, phase: Tensor) -> Tensor:
    """(x, A, φ) at every point, (…, points, 3)."""
    return torch.cat([x, amplitude.expand_as(x), phase.expand_as(x)], dim=-1)
