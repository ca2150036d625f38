"""One meta-step: what it measures, and what it refuses to go on from."""

import math
from dataclasses import dataclass
from typing import final

import torch
from torch import nn
from torch.func import vmap
from torch.utils._pytree import tree_leaves

from labkit.core.algorithm import Algorithm
from labkit.core.checks import check_count, check_reduction
from labkit.core.over_tasks import MetaGradient
from labkit.core.types import LossFn, Params, Reduction
from labkit.tasks.family import TaskBatch


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

    def take(
        self,
        algorithm: Algorithm,
        loss_fn: LossFn,
        params: Params,
        batch: TaskBatch,
        meta_step: int,
    ) -> tuple[MetaStep, MetaGradient]:
        """The losses around the adaptation to a batch of tasks, and the meta-gradient.

        Raises:
            DivergedError: The meta-gradient is not finite.
        """
        query = batch.support if self.shared_data else batch.query
        before = vmap(
            loss_fn, in_dims=(None, 0), randomness="different", chunk_size=self.task_chunk
        )
        loss_before = float(before(params, query).mean())
        gradient = algorithm.meta_gradient(
            loss_fn,
            params,
            batch.support,
            query,
            reduction=self.reduction,
            task_chunk=self.task_chunk,
            checkpoint=self.checkpoint,
        )
        if not math.isfinite(loss_before):
            raise DivergedError(
                f"the query loss is {loss_before} in meta-step {meta_step + 1}, before adaptation: "
                "look for values in the data that are not finite, or for a θ that has left them"
            )
        result = MetaStep(loss_before, float(gradient.task_losses.mean()))
        moves = [*gradient.params.values(), *tree_leaves(gradient.alpha)]
        norm = nn.utils.get_total_norm(g for g in moves if g is not None)
        finite = bool(torch.isfinite(norm))
        if not (finite and math.isfinite(result.loss_after)):
            what = "loss after adaptation" if finite else "meta-gradient"
            raise DivergedError(
                f"meta-step {meta_step + 1} has a {what} that is not finite: the query "
                f"loss went from {result.loss_before:.3g} to {result.loss_after:.3g} by "
                f"{algorithm.inner_steps} inner step(s). θ was kept from meta-step "
                f"{meta_step}; take a smaller alpha, beta or inner_steps"
            )
        return result, gradient
