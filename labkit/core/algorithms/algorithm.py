"""The interface of every meta-learning algorithm, which learners and probes rely on."""

from abc import ABC, abstractmethod
from dataclasses import Field, replace
from functools import partial
from typing import Any, ClassVar, Self

import torch

from labkit.core.checks import check_count, check_params, count_listed, count_tasks
from labkit.core.gradients import MetaGradient, Problem, Unrolled, over_tasks, unrolled_gradient
from labkit.core.inner import Adaptation, AnyAlpha, LearnedAlpha, adapt_by, testing_alpha
from labkit.core.on_policy import drawing, drawing_alone, with_noise
from labkit.core.types import Alpha, Batch, LossFn, Params, Reduction, StepSize
from labkit.core.vectorize import Vectorize, for_tasks


class Algorithm(ABC):
    """What is done to θ on a batch of tasks; the algorithms are final, frozen dataclasses.

    Attributes:
        alpha: α, inner step size: in any form that `adapt` takes, or a `LearnedAlpha`.
        inner_steps: K, inner steps in training.
    """

    __slots__ = ()
    # lets type checkers accept any algorithm in `replace` and `fields`
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    alpha: AnyAlpha
    inner_steps: int

    @abstractmethod
    def task(self, params: Params) -> Unrolled:
        """How θ is adapted to one task, and which query losses count."""

    @abstractmethod
    def chunk_gradient(
        self, problem: Problem, support: Batch, query: Batch, divisor: int
    ) -> MetaGradient:
        """What moves θ, summed over some tasks and divided by `divisor`."""

    def adapt(
        self,
        loss_fn: LossFn,
        params: Params,
        support: Batch,
        *,
        generator: torch.Generator | None = None,
    ) -> Adaptation:
        """Adapt θ to one task (data without a task axis) as the algorithm does.

        A `LearnedAlpha` counts with its initial value. The generator is for data that are a
        function, as in `labkit.adapt`.
        """
        check_params(params)
        task = self.task(params)
        support = drawing_alone(support, generator, by_step=True)
        theta_0 = task.start(loss_fn, params, support)
        return adapt_by(task.loop, self.alpha, loss_fn, theta_0, support)

    def adapted(self, params: Params) -> Params:
        """The parameters that the inner loop moves, which are those that α is for."""
        return self.task(params).loop.moving(params)

    def meta_gradient(
        self,
        loss_fn: LossFn,
        params: Params,
        support: Batch,
        query: Batch,
        *,
        reduction: Reduction = "mean",
        task_chunk: int | None = None,
        checkpoint: bool = False,
        vectorize: Vectorize = "auto",
        generator: torch.Generator | None = None,
    ) -> MetaGradient:
        """What moves θ (and α), over a batch of tasks; arguments as for `labkit.meta_gradient`.

        `checkpoint` spares memory where inner steps are differentiated through; the algorithms
        that keep no graph do not need it.
        """
        check_params(params)
        task = self.task(params)
        sizes = task.loop.sizes(self.alpha, params)
        support = with_noise(drawing(support, generator, by_step=True), task.loop.steps + 1)
        query = with_noise(drawing(query, generator, by_step=False), 1)

        def compute(side_by_side: bool) -> MetaGradient:
            problem = Problem(task, loss_fn, params, sizes, checkpoint, side_by_side)
            chunk = partial(self.chunk_gradient, problem)
            return over_tasks(chunk, support, query, reduction=reduction, task_chunk=task_chunk)

        tasks = count_listed(support, query) or count_tasks(support, query)
        return for_tasks(compute, vectorize, tasks)

    def with_alpha(self, alpha: AnyAlpha) -> Self:
        """The same algorithm with another α, in any form that it takes.

        Example:
            >>> from labkit.core import MAML
            >>> MAML(alpha=0.01, inner_steps=3).with_alpha(0.5).alpha
            0.5
        """
        return replace(self, alpha=alpha)

    def at(self, meta_step: int) -> "Algorithm":  # noqa: ARG002
        """The algorithm at one meta-step; `MAML` alone changes, by its schedules."""
        return self

    def evaluation_alpha(self, inner_steps: int) -> list[StepSize]:
        """α per step when testing with `inner_steps` steps: as trained, then half of the last.

        θ was trained for K steps of size α. More steps of the same size make some sinusoid tasks
        diverge, so later steps are half as long.

        Args:
            inner_steps: Number of steps to test with, ≥ 0.

        Returns:
            One step size for each of the `inner_steps` steps.

        Raises:
            ValueError: `inner_steps` is negative or not whole, or there is no α to continue with.
        """
        check_count("inner_steps", inner_steps, 0)
        return testing_alpha(self.alpha, self.inner_steps, inner_steps)

    def testing(self, inner_steps: int, alpha: Alpha | None = None) -> Self:
        """The same adaptation with `inner_steps` steps, by `evaluation_alpha` unless α is given."""
        if isinstance(alpha, LearnedAlpha):
            raise ValueError(
                "alpha to test with must be step sizes, got a LearnedAlpha: leave it out"
            )
        sizes = self.evaluation_alpha(inner_steps) if alpha is None else alpha
        return replace(self, inner_steps=inner_steps, alpha=sizes)


class UnrollingAlgorithm(Algorithm):
    """An algorithm whose meta-gradient goes through its inner steps."""

    __slots__ = ()

    def chunk_gradient(
        self, problem: Problem, support: Batch, query: Batch, divisor: int
    ) -> MetaGradient:
        """By the graph of all inner steps, or by computing them again."""
        return unrolled_gradient(problem, support, query, divisor)


def check_fixed(alpha: AnyAlpha, name: str) -> None:
    """Raise ValueError if α is to be learned where the algorithm has no gradient in α."""
    if isinstance(alpha, LearnedAlpha):
        raise ValueError(f"{name} has no gradient in alpha: give a fixed one, or take MAML or ANIL")
