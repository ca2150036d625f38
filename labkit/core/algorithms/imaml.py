"""Implicit MAML: the meta-gradient at the solution of a proximal problem, without unrolling."""

from dataclasses import dataclass
from typing import final

from torch import Tensor
from torch.func import grad, grad_and_value, vjp

from labkit.core.algorithms.algorithm import Algorithm, check_fixed
from labkit.core.checks import check_count, check_inner_loop, check_positive, checked
from labkit.core.gradients import MetaGradient, Problem, Unrolled
from labkit.core.inner import InnerLoop, check_alpha
from labkit.core.linalg import conjugate_gradient
from labkit.core.on_policy import loss_at
from labkit.core.pytrees import tree_map
from labkit.core.types import Alpha, Batch, Params
from labkit.core.vectorize import map_tasks


@final
@dataclass(frozen=True, slots=True)
class IMAML(Algorithm):
    """MAML by implicit differentiation: adapt under a pull back to θ, then solve a linear system.

    φ = argmin L_support(φ) + λ/2 ‖φ − θ‖², approached by K inner steps; the meta-gradient is
    (I + H/λ)⁻¹ ∇L_query(φ) with H the Hessian of the support loss at φ, by conjugate gradients.
    It is exact when φ is the argmin and H + λI is positive definite; memory does not grow with K.

    Args:
        alpha: α, step size of the solver, in any form that `adapt` takes.
        inner_steps: K, steps of the solver; enough to come near the argmin.
        proximal: λ > 0, in units of the curvature of the loss.
        cg_steps: Conjugate-gradient steps, ≥ 1; as many as θ has elements are exact.

    Raises:
        ValueError: A value is out of its range, or `alpha` is to be learned.

    Source:
        Rajeswaran, Finn, Kakade, Levine 2019, arXiv:1909.04630, eq. 4–7 and Algorithm 2.

    Example:
        L_support = w²/2, λ = 1: φ = θ/2; L_query = (w − 1)²/2: (φ − 1) / (1 + 1).

        >>> import torch
        >>> loss = lambda p, target: ((p["w"] - target) ** 2).sum() / 2
        >>> theta = {"w": torch.tensor(4.0)}
        >>> imaml = IMAML(alpha=0.5, inner_steps=1, proximal=1.0)
        >>> imaml.adapt(loss, theta, torch.tensor(0.0)).params["w"]
        tensor(2.)
        >>> imaml.meta_gradient(loss, theta, torch.zeros(1), torch.ones(1)).params["w"]
        tensor(0.5000)
    """

    alpha: Alpha = 0.01
    inner_steps: int = 16
    proximal: float = 1.0
    cg_steps: int = 5

    def __post_init__(self) -> None:
        check_inner_loop(self.inner_steps, order=1)
        check_alpha(self.alpha)
        check_fixed(self.alpha, "IMAML")
        check_positive("proximal", self.proximal)
        check_count("cg_steps", self.cg_steps, 1)

    def task(self, params: Params) -> Unrolled:  # noqa: ARG002
        """K steps of the solver; the losses along the path are L_support without the pull."""
        return Unrolled(InnerLoop(self.inner_steps, order=1, proximal=self.proximal))

    def chunk_gradient(
        self, problem: Problem, support: Batch, query: Batch, divisor: int
    ) -> MetaGradient:
        """(I + H/λ)⁻¹ ∇L_query(φ) in place of a gradient; random losses are refused."""
        loop, params = problem.task.loop, problem.params
        loss_fn = checked(loss_at(problem.loss_fn, loop.steps))

        def one(support: Batch, query: Batch) -> tuple[Params, Tensor]:
            phi = loop.run(problem.loss_fn, params, support, problem.sizes)[0][-1]
            gradient, loss = grad_and_value(loss_fn)(phi, query)
            # the Hessian is symmetric, so its transposed product is its product
            hessian = vjp(lambda p: grad(loss_fn)(p, support), phi)[1]

            def damped_hessian(v: Params) -> Params:
                (hv,) = hessian(v)
                return {name: v[name] + h / self.proximal for name, h in hv.items()}

            return conjugate_gradient(damped_hessian, gradient, self.cg_steps), loss

        directions, losses = map_tasks(
            one, support, query, vectorize=problem.vectorize, randomness="error"
        )
        total = tree_map(lambda d: d.sum(0) / divisor, directions)
        return MetaGradient(losses.sum() / divisor, losses, params=total, alpha=None)
