"""The meta-gradient through the inner steps themselves, as MAML and its relatives take it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeAlias, final

from torch import Tensor
from torch.func import grad_and_value

from labkit.core.checks import check_depends, checked
from labkit.core.gradients.adjoint import adjoint_gradient
from labkit.core.gradients.over_tasks import MetaGradient
from labkit.core.inner import AlphaTensors, InnerLoop
from labkit.core.on_policy import loss_at
from labkit.core.pytrees import tree_map
from labkit.core.types import Batch, LossFn, Params
from labkit.core.vectorize import map_tasks

Start: TypeAlias = Callable[[LossFn, Params, Batch], Params]
"""(loss_fn, θ, support of one task) → θ_0."""


def start_at_theta(loss_fn: LossFn, params: Params, support: Batch) -> Params:  # noqa: ARG001
    """θ_0 = θ."""
    return params


@final
@dataclass(frozen=True, slots=True)
class Unrolled:
    """The meta-objective Σ_k w_k L_query(θ_k) of one task, on a path that starts at start(θ).

    Attributes:
        loop: How θ_0 is adapted.
        weights: w_1 … w_K of the query losses after each inner step; None: the last alone.
        start: Where adaptation starts.
    """

    loop: InnerLoop
    weights: tuple[float, ...] | None = None
    start: Start = start_at_theta

    def query_weights(self) -> dict[int, float]:
        """Step → weight of the query loss there, without those of weight 0."""
        if not self.weights:
            return {self.loop.steps: 1.0}
        return {step: w for step, w in enumerate(self.weights, start=1) if w}

    def objective(
        self, loss_fn: LossFn, theta: Params, sizes: AlphaTensors, support: Batch, query: Batch
    ) -> tuple[Tensor, Tensor]:
        """Of one task: the weighted query losses, and the query loss at θ_K."""
        theta_0 = self.start(loss_fn, theta, support)
        path, _ = self.loop.run(loss_fn, theta_0, support, sizes)
        weights = self.query_weights()
        losses = {
            step: checked(loss_at(loss_fn, step))(path[step], query)
            for step in {*weights, self.loop.steps}
        }
        last = losses[self.loop.steps]
        if self.weights is None:
            return last, last
        return sum((w * losses[k] for k, w in weights.items()), start=last.new_zeros(())), last


@final
@dataclass(frozen=True, slots=True)
class Problem:
    """What a meta-gradient is taken of, apart from the data.

    Attributes:
        task: The meta-objective of one task.
        loss_fn: (params, batch of one task) → 0-d loss.
        params: θ.
        sizes: α as tensors, checked against the parameters that move.
        checkpoint: Compute inner steps again rather than keep their graphs.
        vectorize: Tasks side by side, or one after another.
    """

    task: Unrolled
    loss_fn: LossFn
    params: Params
    sizes: AlphaTensors
    checkpoint: bool
    vectorize: bool = True


TaskGradient: TypeAlias = tuple[Tensor, Tensor, Params, AlphaTensors]
"""Of one task: objective, L_query(θ_K), and the gradients of the objective in θ and α."""


def by_graph(problem: Problem, support: Batch, query: Batch) -> TaskGradient:
    """Reverse mode through the inner steps of one task, whose graph is kept."""

    def objective(theta: Params, sizes: AlphaTensors) -> tuple[Tensor, Tensor]:
        value, last = problem.task.objective(problem.loss_fn, theta, sizes, support, query)
        check_depends(value, theta)
        return value, last

    gradients, (value, last) = grad_and_value(objective, argnums=(0, 1), has_aux=True)(
        problem.params, problem.sizes
    )
    return value, last, gradients[0], gradients[1]


def by_recomputation(problem: Problem, support: Batch, query: Batch) -> TaskGradient:
    """The adjoint recursion for one task, which computes inner steps again."""
    task = problem.task
    return adjoint_gradient(
        task.loop,
        task.query_weights(),
        partial(task.start, problem.loss_fn),
        problem.loss_fn,
        problem.params,
        problem.sizes,
        support,
        query,
    )


def unrolled_gradient(problem: Problem, support: Batch, query: Batch, divisor: int) -> MetaGradient:
    """The gradients of all tasks, summed and divided.

    Each task is differentiated by itself, inside `vmap` where there is one, and not their sum
    outside of it: torch's batching rules for the backward of batch and layer norm (2.13) have no
    correct derivative.
    """

    def total(per_task: Tensor) -> Tensor:
        return per_task.sum(0) / divisor

    # what is computed twice must be the same twice
    randomness: Literal["error", "different"] = "error" if problem.checkpoint else "different"
    method = partial(by_recomputation if problem.checkpoint else by_graph, problem)
    # a first axis for the task in each
    objectives, losses, theta, alpha = map_tasks(
        method, support, query, vectorize=problem.vectorize, randomness=randomness
    )
    return MetaGradient(
        total(objectives), losses, params=tree_map(total, theta), alpha=tree_map(total, alpha)
    )


def losses_after(problem: Problem, support: Batch, query: Batch) -> Tensor:
    """Query loss of each task after its K inner steps, shape (tasks,)."""
    objective = partial(problem.task.objective, problem.loss_fn, problem.params, problem.sizes)
    return map_tasks(objective, support, query, vectorize=problem.vectorize)[1]
