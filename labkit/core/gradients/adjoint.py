"""The meta-gradient of one task by the adjoint recursion, in memory that grows like √K.

With λ_K = ∇L_query(θ_K): λ_k = (∂θ_{k+1}/∂θ_k)ᵀ λ_{k+1}, which is M_k λ_{k+1} for gradient
descent, and ∂/∂α_k = (∂θ_{k+1}/∂α_k)ᵀ λ_{k+1} = −λ_{k+1} ⊙ g_k. θ_k is kept at every ⌈√K⌉-th
step and computed again in between; the graph of one inner step alone is alive at any time.
"""

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.func import grad_and_value, vjp

from labkit.core.checks import checked
from labkit.core.inner import AlphaTensors, Carry, InnerLoop, StepTensors, at_inner_step
from labkit.core.on_policy import loss_at
from labkit.core.pytrees import tree_map
from labkit.core.types import Batch, LossFn, Params


def adjoint_gradient(
    loop: InnerLoop,
    query_weights: dict[int, float],
    start: Callable[[Params, Batch], Params],
    loss_fn: LossFn,
    theta: Params,
    sizes: AlphaTensors,
    support: Batch,
    query: Batch,
) -> tuple[Tensor, Tensor, Params, AlphaTensors]:
    """Differentiate Σ_k w_k L_query(θ_k) of one task without keeping the graph of its steps.

    Args:
        loop: How θ_0 is adapted.
        query_weights: Step k → w_k; the others count 0.
        start: (θ, support) → θ_0.
        loss_fn: (params, batch) → 0-d loss, without randomness: steps are computed twice.
        theta: θ.
        sizes: α as tensors.
        support: Data of one task, to adapt on.
        query: Data of one task, to be judged on.

    Returns:
        The objective, L_query(θ_K), and the gradients in θ and α.

    Source:
        Reverse mode with recomputation: Griewank, Walther 2000, doi:10.1145/347837.347846.
    """

    def forward(step: int, carry: Carry, size: StepTensors) -> Carry:
        return loop.step(loss_fn, carry, size, support, step, theta)[0]

    def add_query(bar: Carry, params: Params, step: int) -> tuple[Carry, Tensor]:
        """The cotangent of θ_step with that of its own query loss, and this loss."""
        gradient, loss = grad_and_value(checked(loss_at(loss_fn, step)))(params, query)
        weight = query_weights.get(step, 0.0)
        return ({n: b + weight * gradient[n] for n, b in bar[0].items()}, bar[1]), loss

    theta_0, pull_start = vjp(lambda params: start(params, support), theta)[:2]
    segment = math.isqrt(max(loop.steps - 1, 0)) + 1  # ⌈√K⌉
    carry, stored = loop.start(theta_0), {}
    for step in range(loop.steps):
        if step % segment == 0:
            stored[step] = carry
        carry = forward(step, carry, at_inner_step(sizes, step))

    bar, last = add_query(tree_map(torch.zeros_like, carry), carry[0], loop.steps)
    objective = query_weights.get(loop.steps, 0.0) * last
    by_step: dict[int, StepTensors] = {}
    for first in sorted(stored, reverse=True):
        carries = [stored.pop(first)]
        for step in range(first, min(first + segment, loop.steps) - 1):
            carries.append(forward(step, carries[-1], at_inner_step(sizes, step)))
        while carries:
            step, carry = first + len(carries) - 1, carries.pop()
            pull = vjp(partial(forward, step), carry, at_inner_step(sizes, step))[1]
            bar, part = pull(bar)
            # one α for all steps gets their running sum, so memory does not grow with K
            row = step if isinstance(sizes, list) else 0
            by_step[row] = tree_map(torch.add, by_step[row], part) if row in by_step else part
            if step in query_weights:
                bar, loss = add_query(bar, carry[0], step)
                objective = objective + query_weights[step] * loss
    (gradient,) = pull_start(bar[0])
    return objective, last, gradient, _like(sizes, by_step)


def _like(sizes: AlphaTensors, by_step: dict[int, StepTensors]) -> AlphaTensors:
    """The gradients in the structure of α; 0 for an α that no step has used."""
    if isinstance(sizes, list):
        return [by_step[step] for step in range(len(sizes))]
    return by_step[0] if by_step else tree_map(torch.zeros_like, sizes)
