"""The statistics of batch norm at each inner step, averaged over meta-steps."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from labkit.core import Algorithm, Params, map_tasks
from labkit.tasks import TaskBatch, even_groups
from labkit.training.model.batch_norm import StepBatchNorm
from labkit.training.model.task_loss import TaskLoss

MOMENTUM = 0.1
"""Share of the newest meta-step, as torch's default for batch norm."""

STEP_BUFFERS = ("step_mean", "step_var")

Moments = dict[str, Tensor]
"""Name of a buffer → (features,) of one step or (steps, features)."""


def step_statistics(
    loss_fn: TaskLoss,
    algorithm: Algorithm,
    params: Params,
    batch: TaskBatch,
    *,
    vectorize: bool = True,
) -> Moments:
    """The buffers of every `StepBatchNorm` after one more meta-step.

    Args:
        loss_fn: Module, of which `has_steps` is true, and family; its constants hold the buffers
            so far.
        algorithm: How θ is adapted, K steps.
        params: θ.
        batch: Tasks, support and query.
        vectorize: Tasks side by side, or one after another.

    Returns:
        Name → tensor of K + 1 rows or more, (steps, features): row k < K from the support data at
        θ_k, row K from the query data at θ_K.
    """

    def one(support: Any, query: Any) -> Moments:
        path = algorithm.adapt(loss_fn, params, support).path
        rows = []
        for step, theta in enumerate(path):
            with _moments(loss_fn.model) as seen:
                loss_fn(theta, query if step == len(path) - 1 else support)
            rows.append(dict(seen))
        return {name: torch.stack([row[name] for row in rows]) for name in rows[0]}

    groups = [
        map_tasks(one, support, query, vectorize=vectorize)
        for _, support, query in even_groups(batch.support, batch.query)
    ]
    moments = {name: torch.cat([group[name] for group in groups]) for name in groups[0]}
    # (tasks, K + 1, features) each
    return {name: _average(loss_fn.constants[name], m.mean(0)) for name, m in moments.items()}


def _average(old: Tensor, new: Tensor) -> Tensor:
    """Move old rows toward new ones; an additional row starts from the last one before it."""
    missing = max(len(new) - len(old), 0)
    rows = torch.cat([old, old[-1:].expand(missing, -1)])
    rows[: len(new)] = torch.lerp(rows[: len(new)], new.to(rows.dtype), MOMENTUM)
    return rows


def has_steps(model: nn.Module) -> bool:
    """Whether a module has batch norm with statistics per inner step."""
    return bool(_norms(model))


def step_buffers(model: nn.Module) -> frozenset[str]:
    """Names of the buffers with one row per inner step; more rows come with more steps."""
    return frozenset(f"{name}.{each}" for name in _norms(model) for each in STEP_BUFFERS)


def _norms(model: nn.Module) -> dict[str, StepBatchNorm]:
    return {name: m for name, m in model.named_modules() if isinstance(m, StepBatchNorm)}


@contextmanager
def _moments(model: nn.Module) -> Iterator[Moments]:
    """Mean and variance of the inputs of each `StepBatchNorm` while the block runs."""
    seen: Moments = {}

    def watch(name: str, _: nn.Module, args: tuple[Tensor, ...]) -> None:
        points = args[0].transpose(0, 1).flatten(1)  # (features, points)
        seen[f"{name}.step_mean"] = points.mean(1)
        seen[f"{name}.step_var"] = points.var(1)

    handles = [
        norm.register_forward_pre_hook(partial(watch, name)) for name, norm in _norms(model).items()
    ]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()
