"""Adaptation curves: how the query loss falls over inner steps on held-out tasks."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import vmap

from labkit.core.algorithm import Algorithm
from labkit.core.types import Batch, LossFn, Params, loss_at

DIVERGED_FACTOR = 10.0


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
    """

    mean: Tensor
    ci95: Tensor
    median: Tensor
    diverged: Tensor
    tasks: int


@dataclass(frozen=True, slots=True)
class StepsTable:
    """What `steps_table` returns: trained numbers of steps against tested ones.

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
) -> AdaptationCurve:
    """Adapt θ to every task as an algorithm does, and measure the query loss after 0 … K steps.

    Args:
        algorithm: Its α and inner steps K are those to test with; `algorithm.testing(K)` gives
            one with another number of steps.
        loss_fn: (params, batch of one task) → 0-d loss.
        params: θ, name → tensor.
        support: Pytree of tensors, (tasks, shots, …).
        query: Pytree of tensors, (tasks, queries, …).
        task_chunk: Tasks at once, ≥ 1, for less memory; None: all.

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
    return summarise(_losses(algorithm, loss_fn, params, support, query, task_chunk))


def steps_table(
    algorithm: Algorithm,
    loss_fn: LossFn,
    trained: Mapping[int, Params],
    support: Batch,
    query: Batch,
    *,
    inner_steps: int,
) -> StepsTable:
    """Test what was trained with K inner steps with every number of steps.

    Row i is the adaptation curve of the θ that was trained with K_i steps: as trained for K_i
    steps and with half the step size beyond, see `Algorithm.evaluation_alpha`.

    Args:
        algorithm: What each θ was trained by, apart from K.
        loss_fn: (params, batch of one task) → 0-d loss.
        trained: K → θ that was meta-trained with K inner steps.
        support: Pytree of tensors, (tasks, shots, …).
        query: Pytree of tensors, (tasks, queries, …).
        inner_steps: Most steps to test with, ≥ 0.

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
        # a dataclass, which the type checker cannot know of the base
        one = dataclasses.replace(algorithm, inner_steps=steps)  # type: ignore[type-var]
        tested = one.testing(inner_steps)
        rows.append(summarise(_losses(tested, loss_fn, params, support, query, None)))
    return StepsTable(
        trained=tuple(trained),
        mean=torch.stack([row.mean for row in rows]),
        median=torch.stack([row.median for row in rows]),
    )


def _losses(
    algorithm: Algorithm,
    loss_fn: LossFn,
    params: Params,
    support: Batch,
    query: Batch,
    task_chunk: int | None,
) -> Tensor:
    """Query loss of each task after 0 … K steps, (tasks, K + 1)."""

    def task_losses(task_support: Batch, task_query: Batch) -> Tensor:
        path = algorithm.adapt(loss_fn, params, task_support).path
        losses = [loss_at(loss_fn, step)(theta, task_query) for step, theta in enumerate(path)]
        return torch.stack(losses)  # (K + 1,)

    per_task = vmap(task_losses, randomness="different", chunk_size=task_chunk)
    return per_task(support, query).detach()


def summarise(losses: Tensor) -> AdaptationCurve:
    """Mean, interval, median and share of diverged tasks from losses of shape (tasks, K + 1)."""
    tasks = len(losses)
    spread = losses.std(dim=0) if tasks > 1 else torch.full_like(losses[0], torch.nan)
    # `not <=` also counts nan
    diverged = ~(losses <= DIVERGED_FACTOR * losses[:, 0].mean())
    return AdaptationCurve(
        mean=losses.mean(dim=0),
        ci95=1.96 * spread / tasks**0.5,
        median=losses.nan_to_num(nan=torch.inf).quantile(0.5, dim=0),
        diverged=diverged.to(losses.dtype).mean(dim=0),
        tasks=tasks,
    )
