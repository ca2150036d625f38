"""The meta-gradient: how the loss after adaptation changes with θ."""

import torch

from labkit.core.algorithms import MAML
from labkit.core.gradients import MetaGradient
from labkit.core.inner import GradientDescent, InnerOptimizer
from labkit.core.types import Alpha, Batch, LossFn, Order, Params, Reduction
from labkit.core.vectorize import Vectorize


def meta_gradient(
    loss_fn: LossFn,
    params: Params,
    support: Batch,
    query: Batch,
    *,
    alpha: Alpha,
    inner_steps: int,
    order: Order = 2,
    inner_optimizer: InnerOptimizer = GradientDescent(),
    reduction: Reduction = "mean",
    task_chunk: int | None = None,
    checkpoint: bool = False,
    vectorize: Vectorize = "auto",
    generator: torch.Generator | None = None,
) -> MetaGradient:
    """Differentiate the query loss after adaptation, over a batch of tasks at once.

    ∇_θ Σ_i L_query,i(θ'_i), with θ'_i from `adapt` on the support data of task i. For order 2 this
    is Σ_i [Π_k (I − α_k H_{i,k})] ∇L_query,i(θ'_i) with H_{i,k} the Hessian of the support loss
    at θ_k; for order 1 the product is left out. `reduction="mean"` divides by the number of tasks.

    Args:
        loss_fn: (params, batch of one task) → 0-d loss.
        params: θ, name → tensor.
        support: Pytree of tensors whose first axis is the task, (tasks, shots, …); or a `TaskList`
            for tasks of different sizes, computed one after another. Data that are drawn with the
            parameters, as in `adapt`, are an `OnPolicy`, or a `TaskList` with a function
            (params, generator) → batch for each task, computed one after another.
        query: Pytree of tensors whose first axis is the task, (tasks, queries, …); or a `TaskList`.
        alpha: α, in any form that `adapt` takes; shared by the tasks.
        inner_steps: K ≥ 0; K = 0 gives the gradient of joint training.
        order: 2 is exact; 1 is first-order MAML, where ∂/∂α_k becomes −∇L_query(θ') · g_k.
        inner_optimizer: As for `adapt`; the gradient goes through its memory too.
        reduction: "mean" (as the paper's code) or "sum" (as its algorithm) over tasks.
        task_chunk: Tasks at once, ≥ 1, for less memory; None: all. The result is the same.
        checkpoint: Compute the inner steps again on the way back rather than keep their graphs:
            memory grows with √K in place of K, for more arithmetic. The result is the same; the
            loss must not be random.
        vectorize: True: tasks side by side, by `torch.func.vmap`. False: one after another, which
            runs what `vmap` cannot: recurrent layers, boolean masks, branches on values, `.item()`;
            slower by up to the number of tasks. "auto": side by side where torch can; where it
            cannot, a loop, which is said once. The result is the same.
        generator: Draws, for each task, the seeds of data that are functions; its derivative is
            that of the batches with these numbers.

    Returns:
        `MetaGradient`: loss (0-d), task_losses (tasks,), params (like θ), alpha (like α).

    Raises:
        ValueError: As for `adapt`; or `reduction` is neither "mean" nor "sum", the first axes of
            the data differ, or `task_chunk` is below 1; or torch cannot
            differentiate the loss so: the message names what it does and the remedy.

    Warns:
        LoopWarning: Once for each reason, if "auto" comes to a loop.

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
    maml = MAML(alpha, inner_steps, order, inner_optimizer)
    return maml.meta_gradient(
        loss_fn,
        params,
        support,
        query,
        reduction=reduction,
        task_chunk=task_chunk,
        checkpoint=checkpoint,
        vectorize=vectorize,
        generator=generator,
    )
