"""What one meta-step measures: losses and the meta-gradient, and whether they are finite."""

import math
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, final

import torch
from torch import Tensor
from torch.linalg import vector_norm

from labkit.core import (
    Algorithm,
    AlphaTensors,
    Batch,
    LossFn,
    MetaGradient,
    Params,
    Reduction,
    check_count,
    check_reduction,
    loss_at,
    map_tasks,
    tree_leaves,
    tree_map,
)
from labkit.tasks import TaskBatch, even_groups
from labkit.training.model import TaskLoss


class DivergedError(ArithmeticError):
    """A loss or a gradient is not finite; θ is still that of the last finite meta-step."""


@dataclass(frozen=True, slots=True)
class MetaStep:
    """What one meta-step measured on its own tasks.

    Attributes:
        loss_before: Query loss at θ, before adaptation, mean over the tasks.
        loss_after: Query loss at θ', after adaptation, mean over the tasks.
    """

    loss_before: float
    loss_after: float


@final
@dataclass(frozen=True, slots=True)
class Measurement:
    """How the meta-gradient of a batch of tasks is measured; arguments as for `MetaLearner`.

    Tasks go side by side, or, without `vectorize`, one after another.
    """

    reduction: Reduction
    shared_data: bool
    task_chunk: int | None
    checkpoint: bool
    vectorize: bool = True

    def __post_init__(self) -> None:
        check_reduction(self.reduction)
        for name in ("shared_data", "checkpoint"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name} must be True or False, got {getattr(self, name)!r}")
        if self.task_chunk is not None:
            check_count("task_chunk", self.task_chunk, 1)

    def query_of(self, batch: TaskBatch) -> Batch:
        """The data to measure the adapted parameters on."""
        return batch.support if self.shared_data else batch.query

    def loss_before(self, loss_fn: LossFn, params: Params, query: Batch) -> Tensor:
        """Query loss at θ, mean over the tasks, 0-d."""
        return map_tasks(
            partial(loss_at(loss_fn, 0), params),
            query,
            vectorize=self.vectorize,
            chunk_size=self.task_chunk,
        ).mean()

    def gradient(
        self, algorithm: Algorithm, loss_fn: LossFn, params: Params, support: Batch, query: Batch
    ) -> MetaGradient:
        """The meta-gradient of a batch of tasks."""
        return algorithm.meta_gradient(
            loss_fn,
            params,
            support,
            query,
            reduction=self.reduction,
            task_chunk=self.task_chunk,
            checkpoint=self.checkpoint,
            vectorize=self.vectorize,
        )

    def measure(
        self,
        algorithm: Algorithm,
        loss_fn: LossFn,
        params: Params,
        support: Batch,
        query: Batch,
        *,
        alpha_learned: bool,
    ) -> "StepGradients":
        """The losses around the adaptation to a batch of tasks, and the meta-gradient.

        All are tensors, finite or not. Where α is not learned, its gradient is None. Tasks of
        different sizes go side by side where the loss allows it, and otherwise those of one size.
        """
        if isinstance(loss_fn, TaskLoss) and loss_fn.needs_sizes(algorithm, support, query):
            parts = [
                (
                    len(numbers),
                    self.measure(algorithm, loss_fn, params, *data, alpha_learned=alpha_learned),
                )
                for numbers, *data in even_groups(support, query)
            ]
            return self._sum(parts)
        loss_before = self.loss_before(loss_fn, params, query)
        gradient = self.gradient(algorithm, loss_fn, params, support, query)
        alpha = gradient.alpha if alpha_learned else None
        largest = _largest(gradient.params, alpha)
        losses = torch.stack([loss_before, gradient.task_losses.mean(), largest])
        return StepGradients(losses, gradient.params, alpha)

    def _sum(self, parts: "list[tuple[int, StepGradients]]") -> "StepGradients":
        """From some numbers of tasks each, with their losses and gradients, to all tasks."""
        tasks = sum(count for count, _ in parts)

        def mean(*leaves: Tensor) -> Tensor:
            weighted = [
                leaf * (count / tasks) for leaf, (count, _) in zip(leaves, parts, strict=True)
            ]
            return torch.stack(weighted).sum(0)

        def total(*leaves: Tensor) -> Tensor:
            return torch.stack(leaves).sum(0)

        add = mean if self.reduction == "mean" else total
        gradients = [part for _, part in parts]
        params = tree_map(add, *(part.params for part in gradients))
        learned = gradients[0].alpha is not None
        alpha = tree_map(add, *(part.alpha for part in gradients)) if learned else None
        losses = mean(*(part.losses for part in gradients))
        return StepGradients(torch.stack([*losses[:2], _largest(params, alpha)]), params, alpha)


def _largest(params: Params, alpha: "AlphaTensors | None") -> Tensor:
    """The largest entry of a meta-gradient, 0-d; not finite if one is not."""
    slopes = [*params.values(), *tree_leaves(alpha)]
    entries = torch.cat([g.flatten() for g in slopes if g is not None])
    largest: Tensor = vector_norm(entries, math.inf)
    return largest


class StepGradients(NamedTuple):
    """What a meta-step computes.

    Attributes:
        losses: Query loss before and after adaptation, and the largest entry of the
            meta-gradient, (3,).
        params: The meta-gradient in θ.
        alpha: That in α; None where α is not learned, or the algorithm defines none.
    """

    losses: Tensor
    params: Params
    alpha: AlphaTensors | None


class PendingLosses(NamedTuple):
    """The losses of a meta-step while they may still be on their way from a GPU.

    Attributes:
        meta_step: Number of meta-steps before it.
        inner_steps: K.
        task_stream: State of the stream before it drew its tasks.
        losses: As in `StepGradients`.
    """

    meta_step: int
    inner_steps: int
    task_stream: Tensor
    losses: Tensor


def check_finite(losses: list[float], inner_steps: int, meta_step: int) -> MetaStep:
    """Turn the losses of a meta-step into a `MetaStep`, if they are finite.

    Args:
        losses: As in `StepGradients`, three numbers.
        inner_steps: K, for the message.
        meta_step: Number of meta-steps before it.

    Raises:
        DivergedError: A loss or the meta-gradient is not finite.
    """
    before, after, largest = losses
    if not math.isfinite(before):
        raise DivergedError(
            f"the query loss is {before} in meta-step {meta_step + 1}, before adaptation: "
            "check the data for NaN or infinite values, and θ for overflow"
        )
    finite = math.isfinite(largest)
    if not (finite and math.isfinite(after)):
        what = "loss after adaptation" if finite else "meta-gradient"
        raise DivergedError(
            f"meta-step {meta_step + 1} has a {what} that is not finite: the query "
            f"loss went from {before:.3g} to {after:.3g} in "
            f"{inner_steps} inner step(s). θ has been restored to its value at meta-step "
            f"{meta_step}; take a smaller alpha, beta or inner_steps"
        )
    return MetaStep(before, after)
