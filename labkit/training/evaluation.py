"""Adaptation curves: how the query loss falls over inner steps on held-out tasks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from operator import itemgetter
from typing import Protocol, TypeAlias, runtime_checkable

import torch
from torch import Tensor

from labkit.core import (
    Algorithm,
    Batch,
    LossFn,
    Params,
    Vectorize,
    check_count,
    count_listed,
    count_tasks,
    drawing,
    for_tasks,
    loss_at,
    map_tasks,
    testing_alpha,
    tree_leaves,
    tree_map,
    with_noise,
)
from labkit.tasks import even_groups

DIVERGED_FACTOR = 10.0

CHUNK_TASKS = 25
"""Tasks to measure at once, unless the caller says how many; more are no faster."""

CHUNK_BYTES = 8_000_000
"""Limit on the size of their data."""

Between: TypeAlias = Callable[[], None]
"""Called between chunks of tasks; what it raises ends the measurement."""

TaskLosses: TypeAlias = tuple[Tensor, dict[str, Tensor]]
"""The query loss, and name → another measure."""


@runtime_checkable
class MeasuredLoss(Protocol):
    """A loss function with other measures besides the loss."""

    def measure(self, params: Params, batch: Batch) -> TaskLosses:
        """The loss, and name → 0-d measure such as the accuracy."""
        ...


@dataclass(frozen=True, slots=True)
class MetricCurve:
    """A measure over inner steps on a set of held-out tasks; index k is after k steps.

    Attributes:
        mean: Mean over tasks, shape (K + 1,).
        ci95: Half width of the 95 % interval of the mean, 1.96 s/√tasks, (K + 1,).
        median: Median over tasks, (K + 1,).
        task_values: The measure of each task, (tasks, K + 1).
    """

    mean: Tensor
    ci95: Tensor
    median: Tensor
    task_values: Tensor = field(default_factory=lambda: torch.empty(0), repr=False)


@dataclass(frozen=True, slots=True)
class AdaptationCurve:
    """Query loss over inner steps on a set of held-out tasks; index k is after k steps.

    Attributes:
        mean: Mean over tasks, shape (K + 1,); inf or nan where tasks diverged that far.
        ci95: Half width of the 95 % interval of the mean, 1.96 s/√tasks, (K + 1,).
        median: Median over tasks, (K + 1,).
        diverged: Share of tasks whose loss is not finite or more than ten times the mean loss
            before adaptation, (K + 1,).
        tasks: Number of tasks.
        metrics: The family's other measures on the query data, such as the accuracy.
        task_losses: Query loss of each task, (tasks, K + 1): two curves on the same tasks differ
            by their difference, task by task, which is what a paired test takes.
    """

    mean: Tensor
    ci95: Tensor
    median: Tensor
    diverged: Tensor
    tasks: int
    metrics: dict[str, MetricCurve] = field(default_factory=dict)
    task_losses: Tensor = field(default_factory=lambda: torch.empty(0), repr=False)


@dataclass(frozen=True, slots=True)
class StepsTable:
    """Numbers of inner steps in training against those in testing, see `steps_table`.

    Attributes:
        trained: K of each row.
        mean: Mean query loss after 0 … steps, shape (trained, steps + 1).
        median: Median query loss, (trained, steps + 1).
    """

    trained: tuple[int, ...]
    mean: Tensor
    median: Tensor


def adaptation_curve(
    algorithm: Algorithm,
    loss_fn: LossFn,
    params: Params,
    support: Batch,
    query: Batch,
    *,
    task_chunk: int | None = None,
    vectorize: Vectorize = "auto",
    generator: torch.Generator | None = None,
) -> AdaptationCurve:
    """Adapt θ to every task as an algorithm does, and measure the query loss after 0 … K steps.

    Args:
        algorithm: Its α and inner steps K are those to test with; `algorithm.testing(K)` gives
            one with another number of steps.
        loss_fn: (params, batch of one task) → 0-d loss.
        params: θ, name → tensor.
        support: Pytree of tensors, (tasks, shots, …); or a `TaskList`.
        query: Pytree of tensors, (tasks, queries, …); or a `TaskList`.
        task_chunk: Tasks at once, ≥ 1, for less memory; None: 25, or as many as have 8 MB
            of data.
        vectorize: As for `labkit.meta_gradient`.
        generator: For data that are functions, as for `labkit.meta_gradient`.

    Returns:
        `AdaptationCurve` with K + 1 points.

    Raises:
        ValueError: As for `adapt`.

    Source:
        Finn, Abbeel, Levine 2017, arXiv:1703.03400, §5.1 and Figure 3.

    Example:
        L = (w − c)²/2 with w = 0: after k steps of α = 0.5 the loss is c²/2 · 0.25^k.

        >>> from labkit.core import MAML
        >>> loss = lambda p, c: ((p["w"] - c) ** 2).sum() / 2
        >>> c = torch.full((8,), 2.0)
        >>> algorithm = MAML(alpha=0.5, inner_steps=2)
        >>> adaptation_curve(algorithm, loss, {"w": torch.tensor(0.0)}, c, c).mean
        tensor([2.0000, 0.5000, 0.1250])
    """

    def compute(side_by_side: bool) -> AdaptationCurve:
        along = partial(losses_along, algorithm, loss_fn, params, vectorize=side_by_side)

        def losses(support: Batch, query: Batch) -> TaskLosses:
            return along(with_noise(support, algorithm.inner_steps + 1), with_noise(query, 1))

        return curve_by(losses, support, query, task_chunk)

    support = drawing(support, generator, by_step=True)
    query = drawing(query, generator, by_step=False)
    tasks = count_listed(support, query) or count_tasks(support, query)
    tasks = min(tasks, CHUNK_TASKS)  # side by side
    return for_tasks(compute, vectorize, tasks)


def curve_by(
    losses: Callable[[Batch, Batch], TaskLosses],
    support: Batch,
    query: Batch,
    task_chunk: int | None,
    between: Between | None = None,
) -> AdaptationCurve:
    """Measure a curve in chunks of tasks.

    Args:
        losses: Support and query data of some tasks → their losses, as from `losses_along`.
        support: As for `adaptation_curve`.
        query: As for `adaptation_curve`.
        task_chunk: As for `adaptation_curve`.
        between: Called before each chunk but the first; what it raises ends the measurement.
    """
    if task_chunk is None:
        task_chunk = 1 if count_listed(support, query) else _chunk(support, query)
    check_count("task_chunk", task_chunk, 1)
    chunks: list[TaskLosses] = []
    order = []
    # of tasks of different sizes those of one size go together: exact for any loss
    for numbers, *data in even_groups(support, query):
        order.append(numbers)
        for start in range(0, len(numbers), task_chunk):
            if chunks and between is not None:
                between()
            some = itemgetter(slice(start, start + task_chunk))
            chunks.append(losses(*tree_map(some, data)))
    place = torch.cat(order).argsort().to(chunks[0][0].device)
    names = chunks[0][1]
    return summarise(
        torch.cat([values for values, _ in chunks])[place],
        {name: torch.cat([metrics[name] for _, metrics in chunks])[place] for name in names},
    )


def _chunk(support: Batch, query: Batch) -> int:
    """As many tasks as have `CHUNK_BYTES` of data, up to `CHUNK_TASKS`."""
    data = sum(leaf.nbytes for leaf in tree_leaves((support, query)))
    of_one_task = data / count_tasks(support, query)
    return max(1, min(CHUNK_TASKS, int(CHUNK_BYTES / max(of_one_task, 1))))


def losses_along(
    algorithm: Algorithm,
    loss_fn: LossFn,
    params: Params,
    support: Batch,
    query: Batch,
    *,
    vectorize: bool,
) -> TaskLosses:
    """Query loss and other measures of each task after 0 … K steps, each (tasks, K + 1)."""

    def of_task(task_support: Batch, task_query: Batch) -> TaskLosses:
        path = algorithm.adapt(loss_fn, params, task_support).path
        points = [_measure(loss_at(loss_fn, k), p, task_query) for k, p in enumerate(path)]
        losses = torch.stack([loss for loss, _ in points])  # (K + 1,)
        names = points[0][1]
        return losses, {name: torch.stack([m[name] for _, m in points]) for name in names}

    losses, metrics = map_tasks(of_task, support, query, vectorize=vectorize)
    return losses.detach(), {name: values.detach() for name, values in metrics.items()}


def steps_table(
    algorithm: Algorithm,
    loss_fn: LossFn,
    trained: Mapping[int, Params],
    support: Batch,
    query: Batch,
    *,
    inner_steps: int,
    vectorize: Vectorize = "auto",
) -> StepsTable:
    """Test each θ, trained with K inner steps, with every number of steps.

    Row i is the adaptation curve of the θ that was trained with K_i steps: K_i steps as in
    training, and half the step size beyond, see `Algorithm.evaluation_alpha`.

    Args:
        algorithm: What each θ was trained by, apart from K; `learner.current_algorithm()` has the
            α that was learned, where it was.
        loss_fn: (params, batch of one task) → 0-d loss.
        trained: K → θ that was meta-trained with K inner steps.
        support: Pytree of tensors, (tasks, shots, …).
        query: Pytree of tensors, (tasks, queries, …).
        inner_steps: Most steps to test with, ≥ 0.
        vectorize: As for `labkit.meta_gradient`.

    Returns:
        `StepsTable`: mean and median query loss, (trained, inner_steps + 1).

    Raises:
        ValueError: `trained` is empty, or as for `adapt`.

    Example:
        L = (w − c)²/2 with c = 2, α = 0.5: 2 before, and a quarter of it after each step of 0.5;
        a step of 0.25 leaves 9/16.

        >>> from labkit.core import MAML
        >>> loss = lambda p, c: ((p["w"] - c) ** 2).sum() / 2
        >>> c, theta = torch.full((3,), 2.0), {"w": torch.tensor(0.0)}
        >>> steps_table(MAML(alpha=0.5), loss, {1: theta, 2: theta}, c, c, inner_steps=2).mean
        tensor([[2.0000, 0.5000, 0.2812],
                [2.0000, 0.5000, 0.1250]])
    """
    if not trained:
        raise ValueError("trained is empty: give at least one number of steps with its θ")
    rows = []
    for steps, params in trained.items():
        check_count("an entry of trained", steps, 0)
        tested = algorithm.testing(inner_steps, testing_alpha(algorithm.alpha, steps, inner_steps))
        curve = adaptation_curve(tested, loss_fn, params, support, query, vectorize=vectorize)
        rows.append(curve)
    return StepsTable(
        trained=tuple(trained),
        mean=torch.stack([row.mean for row in rows]),
        median=torch.stack([row.median for row in rows]),
    )


def _measure(loss_fn: LossFn, params: Params, batch: Batch) -> TaskLosses:
    if isinstance(loss_fn, MeasuredLoss):
        return loss_fn.measure(params, batch)
    return loss_fn(params, batch), {}


def summarise(losses: Tensor, metrics: Mapping[str, Tensor] | None = None) -> AdaptationCurve:
    """Mean, interval, median and share of diverged tasks, from the losses of each task.

    Args:
        losses: (tasks, K + 1).
        metrics: Name → (tasks, K + 1).
    """
    curve = _over_tasks(losses)
    losses = losses.to(curve.mean.dtype)
    # `not <=` also counts nan
    diverged = ~(losses <= DIVERGED_FACTOR * losses[:, 0].mean())
    return AdaptationCurve(
        mean=curve.mean,
        ci95=curve.ci95,
        median=curve.median,
        diverged=diverged.to(losses.dtype).mean(dim=0),
        tasks=len(losses),
        metrics={name: _over_tasks(values) for name, values in (metrics or {}).items()},
        task_losses=losses,
    )


def _over_tasks(values: Tensor) -> MetricCurve:
    if values.dtype not in (torch.float32, torch.float64):
        values = values.float()  # in half precision there is no median
    tasks = len(values)
    spread = values.std(dim=0) if tasks > 1 else torch.full_like(values[0], torch.nan)
    return MetricCurve(
        mean=values.mean(dim=0),
        ci95=1.96 * spread / tasks**0.5,
        median=values.nan_to_num(nan=torch.inf).quantile(0.5, dim=0),
        task_values=values,
    )
