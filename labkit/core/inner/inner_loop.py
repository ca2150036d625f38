"""One inner step, and the loop over them, as every algorithm takes them."""

from dataclasses import dataclass
from typing import TypeAlias, final

from torch import Tensor
from torch.func import grad_and_value

from labkit.core.checks import check_depends, checked
from labkit.core.inner.inner_optimizers import (
    GradientDescent,
    InnerOptimizer,
    OptimizerState,
    direction_of,
)
from labkit.core.inner.step_sizes import (
    AlphaTensors,
    AnyAlpha,
    StepTensors,
    alpha_tensors,
    at_inner_step,
)
from labkit.core.on_policy import loss_at
from labkit.core.types import Batch, LossFn, Order, Params

Carry: TypeAlias = tuple[Params, OptimizerState]
"""What an inner step takes and gives: θ_k and the memory of the inner optimiser."""


@final
@dataclass(frozen=True, slots=True)
class InnerLoop:
    """How θ is adapted, apart from α.

    Attributes:
        steps: K.
        order: 2 differentiates through the inner gradients, 1 does not.
        optimizer: What turns gradients into directions.
        adapted: Names of the parameters that move; None: all of them.
        proximal: λ ≥ 0; the inner loss is L + λ/2 ‖θ_k − θ_0‖².
    """

    steps: int
    order: Order = 2
    optimizer: InnerOptimizer = GradientDescent()
    adapted: frozenset[str] | None = None
    proximal: float = 0.0

    def moving(self, params: Params) -> Params:
        """The parameters that the inner loop moves."""
        if self.adapted is None:
            return params
        return {name: p for name, p in params.items() if name in self.adapted}

    def sizes(self, alpha: AnyAlpha, params: Params) -> AlphaTensors:
        """α as tensors, checked against the parameters that move."""
        return alpha_tensors(alpha, self.moving(params), self.steps)

    def start(self, params: Params) -> Carry:
        """θ_0 with an optimiser that has seen nothing."""
        return params, self.optimizer.start(self.moving(params))

    def step(
        self,
        loss_fn: LossFn,
        carry: Carry,
        size: StepTensors,
        support: Batch,
        step: int,
        anchor: Params,
    ) -> tuple[Carry, Tensor]:
        """θ_{k+1} from θ_k, and the support loss at θ_k; `anchor` is θ_0."""
        params, state = carry
        loss_here = checked(loss_at(loss_fn, step))

        def moving_loss(moving: Params) -> Tensor:
            loss = loss_here({**params, **moving}, support)
            check_depends(loss, moving)
            return loss

        moving = self.moving(params)
        gradient, loss = grad_and_value(moving_loss)(moving)
        if self.proximal:
            gradient = {
                name: g + self.proximal * (moving[name] - anchor[name])
                for name, g in gradient.items()
            }
        here = moving
        if self.order == 1:
            gradient, here = _constant(gradient), _constant(moving)
        direction, state = direction_of(self.optimizer, gradient, state, step, here)
        updated = {
            name: p - (size[name] if isinstance(size, dict) else size).to(p.dtype) * direction[name]
            for name, p in moving.items()
        }
        return ({**params, **updated}, state), loss

    def run(
        self, loss_fn: LossFn, params: Params, support: Batch, sizes: AlphaTensors
    ) -> tuple[list[Params], list[Tensor]]:
        """θ_0 … θ_K and the support losses at θ_0 … θ_{K−1}; expects checked arguments."""
        carry, path, losses = self.start(params), [params], []
        for step in range(self.steps):
            size = at_inner_step(sizes, step)
            carry, loss = self.step(loss_fn, carry, size, support, step, params)
            path.append(carry[0])
            losses.append(loss)
        return path, losses


def _constant(tensors: Params) -> Params:
    return {name: tensor.detach() for name, tensor in tensors.items()}
