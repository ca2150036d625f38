"""What meta-learning is compared with: joint training with fine-tuning, and no training at all."""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor
from torch.func import grad_and_value

from labkit.core.algorithms.algorithm import Algorithm, check_fixed
from labkit.core.checks import check_depends, check_inner_loop, checked
from labkit.core.gradients import MetaGradient, Problem, Unrolled, losses_after
from labkit.core.inner import InnerLoop, check_alpha
from labkit.core.on_policy import loss_at
from labkit.core.pytrees import tree_map
from labkit.core.types import Alpha, Batch, Params
from labkit.core.vectorize import map_tasks


class Baseline(Algorithm):
    """Adapts by K plain steps, which take no part in what moves θ."""

    __slots__ = ()

    def __post_init__(self) -> None:
        check_inner_loop(self.inner_steps, order=1)
        check_alpha(self.alpha)
        check_fixed(self.alpha, type(self).__name__)

    def task(self, params: Params) -> Unrolled:  # noqa: ARG002
        """K steps on all parameters."""
        return Unrolled(InnerLoop(self.inner_steps, order=1))


@final
@dataclass(frozen=True, slots=True)
class JointTraining(Baseline):
    """Train one model on the data of all tasks; adapt it by fine-tuning.

    The gradient is ∇_θ Σ_i (L_support,i(θ) + L_query,i(θ)) / 2: no inner step takes part in it.
    With `inner_steps=0`, on a family that tells the model which task it is in, it is the oracle.

    Args:
        alpha: α, step size of the fine-tuning, in any form that `adapt` takes.
        inner_steps: K, steps of the fine-tuning.

    Raises:
        ValueError: A value is out of its range, or `alpha` is to be learned.

    Source:
        Finn, Abbeel, Levine 2017, arXiv:1703.03400, §5.1, "pretraining on all of the tasks".

    Example:
        >>> loss = lambda p, target: ((p["w"] - target) ** 2).sum() / 2
        >>> zero, one = torch.zeros(1), torch.ones(1)
        >>> joint = JointTraining().meta_gradient(loss, {"w": torch.tensor(4.0)}, zero, one)
        >>> joint.params["w"]      # (4 + 3) / 2
        tensor(3.5000)
    """

    alpha: Alpha = 0.01
    inner_steps: int = 1

    def chunk_gradient(
        self, problem: Problem, support: Batch, query: Batch, divisor: int
    ) -> MetaGradient:
        """The gradient of the joint loss; `task_losses` are those after fine-tuning."""
        joint_loss = checked(loss_at(problem.loss_fn, 0))

        def one(support: Batch, query: Batch) -> tuple[Params, Tensor]:
            def objective(theta: Params) -> Tensor:
                loss = (joint_loss(theta, support) + joint_loss(theta, query)) / 2
                check_depends(loss, theta)
                return loss

            gradient, loss = grad_and_value(objective)(problem.params)
            return gradient, loss

        gradients, losses = map_tasks(one, support, query, vectorize=problem.vectorize)
        return MetaGradient(
            losses.sum() / divisor,
            losses_after(problem, support, query),
            params=tree_map(lambda g: g.sum(0) / divisor, gradients),
            alpha=None,
        )


@final
@dataclass(frozen=True, slots=True)
class RandomInitialization(Baseline):
    """Leave θ as it was drawn, and adapt from there: what a task's data give by themselves.

    Args:
        alpha: α, step size of the adaptation, in any form that `adapt` takes.
        inner_steps: K, steps of the adaptation.

    Raises:
        ValueError: A value is out of its range, or `alpha` is to be learned.

    Source:
        Finn, Abbeel, Levine 2017, arXiv:1703.03400, §5.3, "randomly initialized weights".

    Example:
        >>> loss = lambda p, target: ((p["w"] - target) ** 2).sum() / 2
        >>> theta, zero = {"w": torch.tensor(4.0)}, torch.zeros(1)
        >>> result = RandomInitialization(alpha=0.5).meta_gradient(loss, theta, zero, zero)
        >>> result.params["w"], result.loss
        (tensor(0.), tensor(2.))
    """

    alpha: Alpha = 0.01
    inner_steps: int = 1

    def chunk_gradient(
        self, problem: Problem, support: Batch, query: Batch, divisor: int
    ) -> MetaGradient:
        """A gradient of 0, with the query losses after adaptation."""
        losses = losses_after(problem, support, query)
        nowhere = {name: torch.zeros_like(p) for name, p in problem.params.items()}
        return MetaGradient(losses.sum() / divisor, losses, params=nowhere, alpha=None)
