"""The meta-gradient: how the loss after adaptation changes with θ."""

from dataclasses import dataclass
from typing import get_args

from torch import Tensor
from torch.func import grad, vmap

from labkit.core.adaptation import check_inner_loop, check_scalar, inner_loop
from labkit.core.step_sizes import AlphaTensors, alpha_tensors
from labkit.core.types import Alpha, Batch, LossFn, Order, Params, Reduction


@dataclass(frozen=True, slots=True)
class MetaGradient:
    """What `meta_gradient` returns.

    Attributes:
        loss: The meta-objective, 0-d: mean or sum of `task_losses`.
        task_losses: Query loss of each task after adaptation, shape (tasks,).
        params: ∂loss/∂θ, like `params`.
        alpha: ∂loss/∂α, in the structure of `alpha`, with tensors in place of numbers.
    """

    loss: Tensor
    task_losses: Tensor
    params: Params
    alpha: AlphaTensors


def meta_gradient(
    loss_fn: LossFn,
    params: Params,
    support: Batch,
    query: Batch,
    *,
    alpha: Alpha,
    inner_steps: int,
    order: Order = 2,
    reduction: Reduction = "mean",
) -> MetaGradient:
    """Differentiate the query loss after adaptation, over a batch of tasks at once.

    ∇_θ Σ_i L_query,i(θ'_i), with θ'_i from `adapt` on the support data of task i. For order 2 this
    is Σ_i [Π_k (I − α_k H_{i,k})] ∇L_query,i(θ'_i) with H_{i,k} the Hessian of the support loss
    at θ_k; for order 1 the product is left out. `reduction="mean"` divides by the number of tasks.

    Args:
        loss_fn: (params, batch of one task) → 0-d loss.
        params: θ, name → tensor.
        support: Pytree of tensors whose first axis is the task, (tasks, shots, …).
        query: Pytree of tensors whose first axis is the task, (tasks, queries, …).
        alpha: α, in any form that `adapt` takes; shared by the tasks.
        inner_steps: K ≥ 0; K = 0 gives the gradient of joint training.
        order: 2 is exact; 1 is first-order MAML, where ∂/∂α_k becomes −∇L_query(θ') · g_k.
        reduction: "mean" (as the paper's code) or "sum" (as its algorithm) over tasks.

    Returns:
        `MetaGradient`: loss (0-d), task_losses (tasks,), params (like θ), alpha (like α).

    Raises:
        ValueError: As for `adapt`; or `reduction` is neither "mean" nor "sum".

    Source:
        Finn, Abbeel, Levine 2017, arXiv:1703.03400, Algorithm 1 line 8; first order: §5.2.

    Example:
        L_support = w²/2, L_query = (w − 1)²/2: θ' = (1 − α) w, and the chain rule gives
        (1 − α)(θ' − 1) for order 2, θ' − 1 for order 1.

        >>> import torch
        >>> loss = lambda p, target: ((p["w"] - target) ** 2).sum() / 2
        >>> zero, one = torch.zeros(3), torch.ones(3)     # three equal tasks
        >>> theta = {"w": torch.tensor(4.0)}
        >>> exact = meta_gradient(loss, theta, zero, one, alpha=0.5, inner_steps=1)
        >>> first = meta_gradient(loss, theta, zero, one, alpha=0.5, inner_steps=1, order=1)
        >>> exact.params["w"], first.params["w"], exact.alpha
        (tensor(0.5000), tensor(1.), tensor(-4.))
    """
    check_inner_loop(inner_steps, order)
    if reduction not in get_args(Reduction):
        raise ValueError(f"reduction must be 'mean' or 'sum', got {reduction!r}")

    def task_loss(
        theta: Params, sizes: AlphaTensors, task_support: Batch, task_query: Batch
    ) -> Tensor:
        path, _ = inner_loop(loss_fn, theta, task_support, sizes, inner_steps, order)
        loss = loss_fn(path[-1], task_query)
        check_scalar(loss)
        return loss

    def objective(theta: Params, sizes: AlphaTensors) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        losses = vmap(task_loss, in_dims=(None, None, 0, 0))(
            theta, sizes, support, query
        )  # (tasks,)
        loss = losses.mean() if reduction == "mean" else losses.sum()
        return loss, (loss, losses)

    sizes = alpha_tensors(alpha, params, inner_steps)
    gradients, (loss, task_losses) = grad(objective, argnums=(0, 1), has_aux=True)(params, sizes)
    return MetaGradient(loss, task_losses, params=gradients[0], alpha=gradients[1])
