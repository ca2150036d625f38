"""The inner loop: a few gradient steps from θ on one task."""

from dataclasses import dataclass
from typing import get_args

import torch
from torch import Tensor
from torch.func import grad_and_value

from labkit.core.step_sizes import AlphaTensors, alpha_tensors, step_size
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
) -> Adaptation:
    """Take `inner_steps` gradient steps from θ on one task's support data.

    θ_{k+1} = θ_k − α_k ∇L_support(θ_k), for k = 0 … K − 1, and θ' = θ_K.

    The result is differentiable in `params` and `alpha`. With `order=1` the inner gradients count
    as constants, so that ∂θ'/∂θ is the identity.

    Args:
        loss_fn: (params, batch) → 0-d loss.
        params: θ, name → tensor of any shape.
        support: The task's data, as `loss_fn` takes it (no task axis).
        alpha: α: a number, a 0-d tensor, a dict per parameter (0-d or the parameter's shape), or a
            sequence with one of those per step.
        inner_steps: K ≥ 0.
        order: 2 differentiates through the inner gradients, 1 does not.

    Returns:
        `Adaptation` with θ', the path θ_0 … θ_K and the support losses, shape (K + 1,).

    Raises:
        ValueError: `alpha` does not fit, `inner_steps` is negative or not whole, `order` is not 1
            or 2, or the loss is not 0-d.

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
    sizes = alpha_tensors(alpha, params, inner_steps)
    path, losses = inner_loop(loss_fn, params, support, sizes, inner_steps, order)
    losses.append(loss_fn(path[-1], support))
    return Adaptation(params=path[-1], path=tuple(path), losses=torch.stack(losses))


def inner_loop(
    loss_fn: LossFn,
    params: Params,
    support: Batch,
    alpha: AlphaTensors,
    inner_steps: int,
    order: Order,
) -> tuple[list[Params], list[Tensor]]:
    """θ_0 … θ_K and the support losses at θ_0 … θ_{K−1}; arguments are taken as checked."""
    path, losses = [params], []
    for step in range(inner_steps):
        gradient, loss = grad_and_value(_checked(loss_fn))(params, support)
        if order == 1:
            gradient = {name: g.detach() for name, g in gradient.items()}
        params = {
            name: p - step_size(alpha, step, name).to(p.dtype) * gradient[name]
            for name, p in params.items()
        }
        path.append(params)
        losses.append(loss)
    return path, losses


def check_inner_loop(inner_steps: int, order: int) -> None:
    """Raise ValueError unless `inner_steps` is a whole number ≥ 0 and `order` is 1 or 2."""
    if isinstance(inner_steps, bool) or not isinstance(inner_steps, int) or inner_steps < 0:
        raise ValueError(f"inner_steps must be a whole number ≥ 0, got {inner_steps!r}")
    if isinstance(order, bool) or order not in get_args(Order):
        raise ValueError(
            f"order must be 1 (inner gradients as constants) or 2 (exact), got {order!r}"
        )


def _checked(loss_fn: LossFn) -> LossFn:
    def scalar_loss(params: Params, batch: Batch) -> Tensor:
        loss = loss_fn(params, batch)
        check_scalar(loss)
        return loss

    return scalar_loss


def check_scalar(loss: object) -> None:
    """Raise ValueError unless `loss` is a 0-d tensor."""
    if not isinstance(loss, Tensor) or loss.ndim:
        got = f"shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
        raise ValueError(
            f"loss_fn must return a 0-d tensor, got {got}: reduce it, for example by .mean()"
        )
