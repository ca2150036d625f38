"""The inner loop: a few gradient steps from θ on one task."""

from dataclasses import dataclass

import torch
from torch import Tensor

from labkit.core.checks import check_inner_loop, check_params, checked
from labkit.core.inner.inner_loop import InnerLoop
from labkit.core.inner.inner_optimizers import GradientDescent, InnerOptimizer
from labkit.core.inner.step_sizes import AnyAlpha
from labkit.core.on_policy import drawing_alone, loss_at
from labkit.core.types import Alpha, Batch, LossFn, Order, Params


@dataclass(frozen=True, slots=True)
class Adaptation:
    """What `adapt` returns.

    Attributes:
        params: θ' = θ_K, name → tensor.
        path: θ_0 … θ_K, K + 1 dicts; `path[0]` is θ itself.
        losses: Support loss at θ_0 … θ_K, shape (K + 1,), in the units of the loss.
    """

    params: Params
    path: tuple[Params, ...]
    losses: Tensor


def adapt(
    loss_fn: LossFn,
    params: Params,
    support: Batch,
    *,
    alpha: Alpha,
    inner_steps: int,
    order: Order = 2,
    inner_optimizer: InnerOptimizer = GradientDescent(),
    generator: torch.Generator | None = None,
) -> Adaptation:
    """Take `inner_steps` gradient steps from θ on one task's support data.

    θ_{k+1} = θ_k − α_k ∇L_support(θ_k), for k = 0 … K − 1, and θ' = θ_K.

    The result is differentiable in `params` and `alpha`. With `order=1` the inner gradients count
    as constants, so ∂θ'/∂θ is the identity.

    Args:
        loss_fn: (params, batch) → 0-d loss; one with a method `at_step(k)` gives another loss at
            each inner step.
        params: θ, name → tensor of any shape.
        support: The task's data, as `loss_fn` takes it (no task axis). Or, where data depend on
            the parameters, a function (params, generator) → data: each inner step draws with the
            θ_k it has. The derivative goes through what the function does with `params`.
        alpha: α: a number, a 0-d tensor, a dict per parameter or pattern of names (0-d or
            the parameter's shape; parameters that it does not name stay where they are), or a
            sequence with one of those per step.
        inner_steps: K ≥ 0.
        order: 2 differentiates through the inner gradients, 1 does not.
        inner_optimizer: `GradientDescent`, `Momentum` or `Adam`, which replace the gradient by a
            direction made of the gradients so far.
        generator: Draws the seed of a support that is a function; at θ_k it gets generator k of
            that seed. Not used otherwise.

    Returns:
        `Adaptation` with θ', the path θ_0 … θ_K and the support losses, shape (K + 1,).

    Raises:
        ValueError: `alpha` does not fit, `inner_steps` is negative or not whole, `order` is not 1
            or 2, a parameter can have no gradient, or the loss is not 0-d.

    Source:
        Finn, Abbeel, Levine 2017, arXiv:1703.03400, eq. 1 and Algorithm 1 line 6.

    Example:
        On L(w) = w²/2 a step multiplies w by 1 − α.

        >>> import torch
        >>> result = adapt(
        ...     lambda p, _: p["w"] ** 2 / 2, {"w": torch.tensor(8.0)}, None,
        ...     alpha=0.5, inner_steps=2,
        ... )
        >>> result.params["w"], result.losses
        (tensor(2.), tensor([32.,  8.,  2.]))
    """
    check_inner_loop(inner_steps, order)
    support = drawing_alone(support, generator, by_step=True)
    return adapt_by(InnerLoop(inner_steps, order, inner_optimizer), alpha, loss_fn, params, support)


def adapt_by(
    loop: InnerLoop, alpha: AnyAlpha, loss_fn: LossFn, params: Params, support: Batch
) -> Adaptation:
    """Adapt θ to one task by an inner loop, with the losses along its path."""
    check_params(params)
    path, losses = loop.run(loss_fn, params, support, loop.sizes(alpha, params))
    losses.append(checked(loss_at(loss_fn, loop.steps))(path[-1], support))
    return Adaptation(params=path[-1], path=tuple(path), losses=torch.stack(losses))
