"""What a callback learns of a meta-step: losses, and on request more."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, TypeAlias, final, get_args

import torch
from torch import Tensor
from torch.linalg import vector_norm

from labkit.core import Algorithm, Batch, Params, loss_at, map_tasks, with_noise
from labkit.tasks import TaskBatch, by_size
from labkit.training.learner_view import LearnerView
from labkit.training.model import TaskLoss
from labkit.training.step import Measurement, MetaStep

Watched: TypeAlias = Literal["gradient_norm", "task_losses", "metrics"]


@final
@dataclass(frozen=True, slots=True)
class StepReport:
    """One meta-step, as `MetaLearner.train` reports it to `on_step`.

    Attributes:
        meta_step: Its number, from 1.
        loss_before: As in `MetaStep`.
        loss_after: As in `MetaStep`.
        beta: β.
        gradient_norm: ‖∇_θ‖ over all tensors together, before `meta_clip`; None if not watched.
        task_losses: Query loss of each task after adaptation, (tasks,); None if not watched.
        metrics: Mean over the tasks of each of the family's measures after adaptation; empty if
            not watched.
        task_metrics: The same for each task, (tasks,).
    """

    meta_step: int
    loss_before: float
    loss_after: float
    beta: float
    gradient_norm: float | None = None
    task_losses: Tensor | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    task_metrics: dict[str, Tensor] = field(default_factory=dict)


OnStep: TypeAlias = Callable[[StepReport], object]
"""Called after each meta-step; what it raises ends the training, and that meta-step stays."""


@final
@dataclass(frozen=True, slots=True)
class Watch:
    """What to measure of a meta-step besides its losses.

    Args:
        names: Any of "gradient_norm", "task_losses", "metrics".

    Raises:
        ValueError: There is no such name.
    """

    names: frozenset[str]

    @classmethod
    def of(cls, names: Collection[Watched] | Watched) -> "Watch":
        """From the argument `watch` of `MetaLearner.train`."""
        listed = [names] if isinstance(names, str) else list(names)
        if unknown := [name for name in listed if name not in get_args(Watched)]:
            allowed = ", ".join(map(repr, get_args(Watched)))
            raise ValueError(f"watch must be a list of {allowed}, got {unknown}")
        return cls(frozenset(listed))

    def measure(
        self,
        measurement: Measurement,
        algorithm: Algorithm,
        loss_fn: TaskLoss,
        params: Params,
        batch: TaskBatch,
    ) -> "Measures":
        """Measure tasks at the θ that a meta-step starts from.

        Args:
            measurement: How the meta-gradient is measured.
            algorithm: With the α of this meta-step.
            loss_fn: Module and family, as in training.
            params: θ.
            batch: The tasks of the meta-step.
        """
        measures = Measures()
        query = measurement.query_of(batch)
        if self.names & {"gradient_norm", "task_losses"}:
            # the loss before adaptation comes first, for the same masks of dropout
            measurement.loss_before(loss_fn, params, query)
            gradient = measurement.gradient(algorithm, loss_fn, params, batch.support, query)
            if "gradient_norm" in self.names:
                norms = [vector_norm(slope) for slope in gradient.params.values()]
                measures.gradient_norm = float(vector_norm(torch.stack(norms)))
            if "task_losses" in self.names:
                measures.task_losses = gradient.task_losses.detach()
        if "metrics" in self.names:
            support = with_noise(batch.support, algorithm.inner_steps + 1)
            metrics = partial(
                map_tasks,
                partial(_metrics, algorithm, loss_fn, params),
                vectorize=measurement.vectorize,
                chunk_size=measurement.task_chunk,
            )
            values = by_size(metrics, support, with_noise(query, 1))
            measures.task_metrics = {name: each.detach() for name, each in values.items()}
        return measures


@dataclass(slots=True)
class Measures:
    """Of one meta-step; see `StepReport`."""

    gradient_norm: float | None = None
    task_losses: Tensor | None = None
    task_metrics: dict[str, Tensor] = field(default_factory=dict)

    def report(self, meta_step: int, step: MetaStep, beta: float) -> StepReport:
        """The report of a meta-step of this number."""
        means = {name: float(each.mean()) for name, each in self.task_metrics.items()}
        return StepReport(
            meta_step,
            step.loss_before,
            step.loss_after,
            beta,
            self.gradient_norm,
            self.task_losses,
            means,
            self.task_metrics,
        )


def reported(
    learner: LearnerView, on_step: OnStep, measure: Callable[[], Measures], meta_steps: int
) -> list[MetaStep]:
    """Take meta-steps and report each.

    Args:
        learner: Takes them.
        on_step: Is called after each.
        measure: Measures what is watched of the next one.
        meta_steps: How many.
    """
    steps = []
    for _ in range(meta_steps):
        measures, beta = measure(), learner.beta
        steps.append(learner.step())
        on_step(measures.report(learner.meta_step, steps[-1], beta))
    return steps


def _metrics(
    algorithm: Algorithm, loss_fn: TaskLoss, params: Params, support: Batch, query: Batch
) -> dict[str, Tensor]:
    """The family's measures of one task after adaptation."""
    path = algorithm.adapt(loss_fn, params, support).path
    last = loss_at(loss_fn, len(path) - 1)
    assert isinstance(last, TaskLoss)  # noqa: S101  # for the type checker
    return last.measure(path[-1], query)[1]
