"""One meta-step: what it measures, and what it refuses to go on from."""

import math
from dataclasses import dataclass
from typing import NamedTuple, final

import torch
from torch import Tensor
from torch.func import vmap
from torch.linalg import vector_norm
from torch.utils._pytree import tree_leaves

from labkit.core import (
    Algorithm,
    AlphaTensors,
    Batch,
    LossFn,
    Params,
    Reduction,
    check_count,
    check_reduction,
)
from labkit.tasks import TaskBatch


class DivergedError(ArithmeticError):
    """Meta-training left the finite numbers; θ is still that of the last good meta-step."""


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
    """How the meta-gradient of a batch of tasks is measured; arguments as for `MetaLearner`."""

    reduction: Reduction
    shared_data: bool
    task_chunk: int | None
    checkpoint: bool

    def __post_init__(self) -> None:
        check_reduction(self.reduction)
        for name in ("shared_data", "checkpoint"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name} must be True or False, got {getattr(self, name)!r}")
        if self.task_chunk is not None:
            check_count("task_chunk", self.task_chunk, 1)

    def judged(self, batch: TaskBatch) -> Batch:
        """The data that adaptation is judged on."""
        return batch.support if self.shared_data else batch.query

    def measure(
        self,
        algorithm: Algorithm,
        loss_fn: LossFn,
        params: Params,
        support: Batch,
        query: Batch,
        *,
        alpha_learned: bool,
    ) -> "Measured":
        """The losses around the adaptation to a batch of tasks, and the meta-gradient.

        All are tensors, finite or not. Where α is not learned its gradient is none of them.
        """
        before = vmap(
            loss_fn, in_dims=(None, 0), randomness="different", chunk_size=self.task_chunk
        )
        loss_before = before(params, query).mean()
        gradient = algorithm.meta_gradient(
            loss_fn,
            params,
            support,
            query,
            reduction=self.reduction,
            task_chunk=self.task_chunk,
            checkpoint=self.checkpoint,
        )
        alpha = gradient.alpha if alpha_learned else None
        moves = [*gradient.params.values(), *tree_leaves(alpha)]
        largest = vector_norm(torch.cat([g.flatten() for g in moves if g is not None]), math.inf)
        losses = torch.stack([loss_before, gradient.task_losses.mean(), largest])
        return Measured(losses, gradient.params, alpha)


class Measured(NamedTuple):
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


class Unread(NamedTuple):
    """A meta-step whose losses nobody has looked at yet.

    Attributes:
        meta_step: How many were taken before it.
        inner_steps: K.
        task_stream: State of the stream before its tasks were drawn.
        losses: Of `Measured`.
    """

    meta_step: int
    inner_steps: int
    task_stream: Tensor
    losses: Tensor


def judge(losses: list[float], inner_steps: int, meta_step: int) -> MetaStep:
    """What a meta-step has measured.

    Args:
        losses: Of `Measured`, as numbers.
        inner_steps: K, for the message.
        meta_step: How many were taken before.

    Raises:
        DivergedError: A loss or the meta-gradient is not finite.
    """
    before, after, largest = losses
    if not math.isfinite(before):
        raise DivergedError(
            f"the query loss is {before} in meta-step {meta_step + 1}, before adaptation: "
            "look for values in the data that are not finite, or for a θ that has left them"
        )
    finite = math.isfinite(largest)
    if not (finite and math.isfinite(after)):
        what = "loss after adaptation" if finite else "meta-gradient"
        raise DivergedError(
            f"meta-step {meta_step + 1} has a {what} that is not finite: the query "
            f"loss went from {before:.3g} to {after:.3g} by "
            f"{inner_steps} inner step(s). θ was kept from meta-step "
            f"{meta_step}; take a smaller alpha, beta or inner_steps"
        )
    return MetaStep(before, after)
