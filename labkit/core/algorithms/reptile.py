"""Reptile: move θ toward where each task's own descent ends."""

from dataclasses import dataclass
from typing import final

from torch import Tensor

from labkit.core.algorithms.algorithm import Algorithm, check_fixed
from labkit.core.checks import check_inner_loop, checked
from labkit.core.gradients import MetaGradient, Problem, Unrolled
from labkit.core.inner import (
    GradientDescent,
    InnerLoop,
    InnerOptimizer,
    check_alpha,
    check_inner_optimizer,
)
from labkit.core.on_policy import loss_at
from labkit.core.pytrees import tree_map
from labkit.core.types import Alpha, Batch, Params
from labkit.core.vectorize import map_tasks


@final
@dataclass(frozen=True, slots=True)
class Reptile(Algorithm):
    """θ ← θ − β Σ_i (θ − θ_K,i): toward the end of K steps on each task.

    The direction uses the support data alone; the query data only measure. With K = 0 it is 0.

    Args:
        alpha: α, inner step size, in any form that `adapt` takes.
        inner_steps: K; with 1 the direction is α times that of joint training, so take more.
        inner_optimizer: `GradientDescent`, `Momentum` or `Adam`.

    Raises:
        ValueError: A value is out of its range, or `alpha` is to be learned.

    Source:
        Nichol, Achiam, Schulman 2018, arXiv:1803.02999, Algorithm 2.

    Example:
        On L = w²/2 three steps of 0.5 lead from 8 to 1; the direction is 8 − 1.

        >>> import torch
        >>> loss = lambda p, target: ((p["w"] - target) ** 2).sum() / 2
        >>> zero = torch.zeros(1)
        >>> reptile = Reptile(alpha=0.5, inner_steps=3)
        >>> reptile.meta_gradient(loss, {"w": torch.tensor(8.0)}, zero, zero).params["w"]
        tensor(7.)
    """

    alpha: Alpha = 0.01
    inner_steps: int = 5
    inner_optimizer: InnerOptimizer = GradientDescent()

    def __post_init__(self) -> None:
        check_inner_loop(self.inner_steps, order=1)
        check_alpha(self.alpha)
        check_inner_optimizer(self.inner_optimizer)
        check_fixed(self.alpha, "Reptile")

    def task(self, params: Params) -> Unrolled:  # noqa: ARG002
        """K steps on all parameters."""
        return Unrolled(InnerLoop(self.inner_steps, 1, self.inner_optimizer))

    def chunk_gradient(
        self, problem: Problem, support: Batch, query: Batch, divisor: int
    ) -> MetaGradient:
        """The direction θ − θ_K in place of a gradient."""
        loop, loss_fn, params = problem.task.loop, problem.loss_fn, problem.params

        def one(support: Batch, query: Batch) -> tuple[Params, Tensor]:
            end = loop.run(loss_fn, params, support, problem.sizes)[0][-1]
            direction = {name: p - end[name] for name, p in params.items()}
            return direction, checked(loss_at(loss_fn, loop.steps))(end, query)

        directions, losses = map_tasks(one, support, query, vectorize=problem.vectorize)
        total = tree_map(lambda d: d.sum(0) / divisor, directions)
        return MetaGradient(losses.sum() / divisor, losses, params=total, alpha=None)
