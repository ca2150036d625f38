"""Tasks from a function that draws their data."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias, final

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from labkit.core import check_count, tree_leaves
from labkit.tasks.family import Predictor, TaskBatch
from labkit.tasks.uneven import Padded, size_range


def squared_error(prediction: Tensor, y: Tensor) -> Tensor:
    """Mean squared error of a prediction against y of the same shape; 0-d.

    Raises:
        ValueError: The shapes differ; (points, 1) against (points,) would otherwise compare every
            point with every other.

    Example:
        >>> import torch
        >>> squared_error(torch.tensor([[1.0], [3.0]]), torch.tensor([[1.0], [1.0]]))
        tensor(2.)
    """
    check_same_shape(prediction, y)
    return mse_loss(prediction, y)


def check_same_shape(prediction: Tensor, y: Tensor) -> None:
    """Raise ValueError unless a prediction has the shape of y."""
    if prediction.shape != y.shape:
        raise ValueError(
            f"the model gives shape {tuple(prediction.shape)} for one task, and y has "
            f"{tuple(y.shape)}: both must be the same, such as (points, 1)"
        )


Draw: TypeAlias = Callable[[int, int, torch.Generator], tuple[Tensor, Tensor]]
"""(tasks, points, generator) → x and y, (tasks, points, …)."""

Judge: TypeAlias = Callable[..., Tensor]
"""(prediction, y) of one task → 0-d."""

TRIAL_TASKS = 2


@final
@dataclass(frozen=True, slots=True, init=False, eq=False)
class FunctionTasks:
    """p(T) given by a function that draws the points of a batch of tasks.

    x, y = draw(tasks, shots + queries, generator); of each task the first `shots` points are the
    support, the others the query. The points of a task must therefore be exchangeable: all drawn
    in the same way. With a range of shots, each number in it is equally likely for each task, and
    the task counts as if it had no others. The loss on a task is loss(f(x), y).

    Tasks are drawn afresh each time, without splits. The family has no portrait, because it does
    not know the true function; to draw one, write a class with the method of
    `labkit.DrawableFamily`.

    Args:
        draw: (tasks, points, generator) → x and y, tensors whose first two axes are (tasks,
            points). Every random number must come from the generator.
        shots: Support points per task, ≥ 1; or the least and the most, such as (1, 10).
        queries: Query points per task, ≥ 1.
        loss: (prediction, y) → 0-d loss on one task, without the task axis; a plain function such
            as those of `torch.nn.functional`. By default the mean squared error, which
            requires f(x) and y to have the same shape.
        metrics: Name → function (prediction, y) → 0-d measure, to be reported next to the loss.

    Raises:
        ValueError: A count is below 1, something is not a function, or a trial on two tasks shows
            that `draw` does not give such tensors, gives values that are not finite, or uses
            random numbers that are not of its generator.

    Example:
        >>> def draw(tasks, points, generator):
        ...     slope = torch.randn(tasks, 1, 1, generator=generator)
        ...     x = torch.rand(tasks, points, 1, generator=generator)
        ...     return x, slope * x
        >>> family = FunctionTasks(draw, shots=5, metrics={"mae": torch.nn.functional.l1_loss})
        >>> batch = family.sample(25, torch.Generator().manual_seed(0))
        >>> batch.support[0].shape, batch.query[1].shape
        (torch.Size([25, 5, 1]), torch.Size([25, 10, 1]))
    """

    draw: Draw
    shots: int | tuple[int, int]
    queries: int
    _loss: Judge = field(repr=False)
    _metrics: Mapping[str, Judge] = field(repr=False)

    # by hand, since arguments and methods have the same names
    def __init__(
        self,
        draw: Draw,
        *,
        shots: int | tuple[int, int] = 10,
        queries: int = 10,
        loss: Judge = squared_error,
        metrics: Mapping[str, Judge] = MappingProxyType({}),
    ) -> None:
        size_range("shots", shots)
        check_count("queries", queries, 1)
        _check_functions(draw, loss, metrics)
        values = (draw, shots, queries, loss, dict(metrics))
        for name, value in zip(self.__slots__, values, strict=True):
            object.__setattr__(self, name, value)
        one, two = (self.sample(TRIAL_TASKS, torch.Generator().manual_seed(0)) for _ in range(2))
        for part, again in ((one.support, two.support), (one.query, two.query)):
            leaves = (tree_leaves(part), tree_leaves(again))
            if not all(torch.equal(a, b) for a, b in zip(*leaves, strict=True)):
                raise ValueError(
                    "draw returns other data for an equal generator: every "
                    "random number must come from that generator, such as "
                    "torch.rand(tasks, points, 1, generator=generator)"
                )

    def sample(self, tasks: int, generator: torch.Generator) -> TaskBatch:
        """Draw tasks; x and y as `draw` gives them, (tasks, points, …), `Padded` if sizes differ.

        Raises:
            ValueError: `draw` does not return two such tensors, or returns values that are not
                finite.
        """
        check_count("tasks", tasks, 1)
        least, most = size_range("shots", self.shots)
        points = most + self.queries
        data = self.draw(tasks, points, generator)
        if not isinstance(data, tuple) or len(data) != 2:
            raise ValueError(f"draw must return two tensors, x and y, got {_described(data)}")
        for name, value in zip("xy", data, strict=True):
            _check_drawn(name, value, tasks, points)
        x, y = data
        support, query = (x[:, :most], y[:, :most]), (x[:, most:], y[:, most:])
        if least == most:
            return TaskBatch(support, query)
        device = generator.device
        shots = torch.randint(least, most + 1, (tasks, 1), generator=generator, device=device)
        real = torch.arange(most, device=device) < shots
        return TaskBatch(Padded(support, real.to(x.device)), query)

    def loss(self, predict: Predictor, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Loss of predict(x) against y; 0-d."""
        x, y = batch
        return self._loss(predict(x), y)

    def metrics(self, predict: Predictor, batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        """Name → 0-d measure on one task."""
        x, y = batch
        prediction = predict(x)
        return {name: judge(prediction, y) for name, judge in self._metrics.items()}


def check_loss(loss: object) -> None:
    """Raise ValueError unless this can be called."""
    if not callable(loss):
        raise ValueError(
            f"loss must be a function (prediction, y) → 0-d tensor, such as "
            f"torch.nn.functional.mse_loss, got {loss!r}"
        )


def _check_functions(draw: object, loss: object, metrics: object) -> None:
    if not callable(draw):
        raise ValueError(
            f"draw must be a function (tasks, points, generator) → (x, y), got {draw!r}"
        )
    check_loss(loss)
    if not isinstance(metrics, Mapping) or not all(callable(judge) for judge in metrics.values()):
        raise ValueError(
            'metrics must be a dict name → function (prediction, y), such as {"mae": '
            f"torch.nn.functional.l1_loss}}, got {metrics!r}"
        )


def _check_drawn(name: str, value: object, tasks: int, points: int) -> None:
    if not isinstance(value, Tensor) or value.shape[:2] != (tasks, points):
        raise ValueError(
            f"draw(tasks={tasks}, points={points}, …) must give {name} as a tensor of shape "
            f"({tasks}, {points}, …), got {_described(value)}"
        )
    if not (finite := value.isfinite()).all():
        task, point = (~finite).nonzero()[0, :2].tolist()
        raise ValueError(
            f"draw gave {int((~finite).sum())} values of {name} that are not finite, the first in "
            f"task {task}, point {point}: check for a division by 0 or the logarithm of 0 in draw"
        )


def _described(value: object) -> str:
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    if isinstance(value, tuple):
        return f"a tuple of {len(value)}"
    return f"{type(value).__name__} {value!r}"[:200]
