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
    TaskList,
    check_count,
    check_reduction,
    loss_at,
    map_tasks,
    tree_leaves,
    tree_map,
    with_noise,
)
from labkit.tasks import TaskBatch, even_groups
from labkit.training.model import TaskLoss


class DivergedError(ArithmeticError):
    """A loss or a gradient is not finite; θ is still that of the last finite meta-step.

    Attributes:
        session: The session that was run, if it was one: what it has learned can be measured.
    """

    session: object = None


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
        query = with_noise(query, 1)

        def mean(query: Batch) -> Tensor:
            return map_tasks(
                partial(loss_at(loss_fn, 0), params),
                query,
                vectorize=self.vectorize,
                chunk_size=self.task_chunk,
            ).mean()

        if not _goes_by_size(loss_fn, None, query):
            return mean(query)
        groups = [(len(numbers), mean(part)) for numbers, part, _ in even_groups(query, query)]
        return _mean(groups)

    def gradient(
        self, algorithm: Algorithm, loss_fn: LossFn, params: Params, support: Batch, query: Batch
    ) -> MetaGradient:
        """The meta-gradient of a batch of tasks.

        Tasks of different sizes go side by side where the loss allows it, and otherwise those of
        one size.
        """

        def gradient(support: Batch, query: Batch) -> MetaGradient:
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

        if not _goes_by_size(loss_fn, algorithm, support, query):
            return gradient(support, query)
        groups = [(numbers, gradient(*data)) for numbers, *data in even_groups(support, query)]
        return _joined(groups, self.reduction)

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

        All are tensors, finite or not. Where α is not learned, its gradient is None.
        """
        loss_before = self.loss_before(loss_fn, params, query)
        gradient = self.gradient(algorithm, loss_fn, params, support, query)
        alpha = gradient.alpha if alpha_learned else None
        largest = _largest(gradient.params, alpha)
        losses = torch.stack([loss_before, gradient.task_losses.mean(), largest])
        return StepGradients(losses, gradient.params, alpha)


def _goes_by_size(loss_fn: LossFn, algorithm: Algorithm | None, *parts: Batch) -> bool:
    """Whether tasks of different sizes cannot go side by side; no algorithm: the loss alone."""
    if any(isinstance(part, TaskList) for part in parts):
        return True
    return isinstance(loss_fn, TaskLoss) and loss_fn.needs_sizes(algorithm, *parts)


def _mean(groups: list[tuple[int, Tensor]]) -> Tensor:
    """From means over some numbers of tasks each to that over all."""
    tasks = sum(count for count, _ in groups)
    return torch.stack([each * (count / tasks) for count, each in groups]).sum(0)


def _joined(groups: list[tuple[Tensor, MetaGradient]], reduction: Reduction) -> MetaGradient:
    """From the meta-gradients of some tasks each, of these numbers, to that of all."""
    counts = [len(numbers) for numbers, _ in groups]
    gradients = [gradient for _, gradient in groups]

    def add(*leaves: Tensor) -> Tensor:
        if reduction == "mean":
            return _mean(list(zip(counts, leaves, strict=True)))
        return torch.stack(leaves).sum(0)

    losses = torch.cat([gradient.task_losses for gradient in gradients])
    place = torch.cat([numbers for numbers, _ in groups]).argsort().to(losses.device)
    learned = gradients[0].alpha is not None
    return MetaGradient(
        loss=add(*(gradient.loss for gradient in gradients)),
        task_losses=losses[place],
        params=tree_map(add, *(gradient.params for gradient in gradients)),
        alpha=tree_map(add, *(gradient.alpha for gradient in gradients)) if learned else None,
    )


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
