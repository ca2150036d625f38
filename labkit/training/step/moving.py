"""How a meta-step moves θ and a learned α: a function of tensors, part of one recorded call."""

from typing import NamedTuple, final

import torch
from torch import Tensor
from torch.linalg import vector_norm

from labkit.core import AlphaTensors, Params, pytrees
from labkit.training.step.flat import Layout
from labkit.training.step.learned_alpha import LearnedSizes, Row
from labkit.training.step.meta_optimizers import MetaOptimizer, Slot, moved
from labkit.training.step.meta_step import Measured

NORM_EPSILON = 1e-6
"""As `torch.nn.utils.clip_grad_norm_` has it, for a norm of 0."""


class Movable(NamedTuple):
    """What a meta-step is given to move, tensors alone.

    Attributes:
        theta: θ as flat vectors.
        rows: Of a learned α; empty where α is fixed.
        sizes: α where it is fixed; else empty.
        betas: β, and β_α or nothing.
        going: Whether all meta-steps so far were finite, 0-d bool; else nothing moves.
    """

    theta: list[Slot]
    rows: list[Row]
    sizes: AlphaTensors | tuple[()]
    betas: tuple[Tensor, ...]
    going: Tensor

    def after(self, moved: "Moved") -> "Movable":
        """What the next meta-step is given, with the same α and β."""
        return self._replace(theta=moved.theta, rows=moved.rows, going=moved.going)


class Moved(NamedTuple):
    """What has come of a meta-step.

    Attributes:
        theta: θ as flat vectors.
        rows: Of a learned α.
        going: False from the first meta-step on that is not finite.
        losses: As in `Measured`.
    """

    theta: list[Slot]
    rows: list[Row]
    going: Tensor
    losses: Tensor

    def linear(self) -> list[Tensor]:
        """What follows the gradients without blowing up their rounding.

        Adam's step has the sign of a gradient however small, its memory does not.
        """
        slots = [*self.theta, *(slot for row in self.rows for slot in row.values())]
        kept = [[*slot.memory.values()] or [slot.value] for slot in slots]
        return [self.losses, *(tensor for each in kept for tensor in each)]


@final
class Rule:
    """How a meta-step moves what it is given.

    Args:
        layout: Of θ.
        meta_optimizer: Which.
        sizes: Of a learned α; None where it is fixed.
        clip: Longest meta-gradient of θ, over all its tensors together; None: any.
    """

    def __init__(
        self,
        layout: Layout,
        meta_optimizer: MetaOptimizer,
        sizes: LearnedSizes | None,
        clip: float | None,
    ) -> None:
        self._layout, self._meta_optimizer, self._sizes = layout, meta_optimizer, sizes
        self._clip = clip
        spec = None if sizes is None else (sizes.form, sizes.spec.positive)
        self.kind = (meta_optimizer, clip, spec)
        """What two rules of a learner share that do the same operations."""

    def params(self, given: Movable) -> Params:
        """θ, name → tensor."""
        return self._layout.params([slot.value for slot in given.theta])

    def alpha(self, given: Movable) -> AlphaTensors:
        """α, in the structure that `adapt` takes."""
        return given.sizes if self._sizes is None else self._sizes.values(given.rows)  # type: ignore[return-value]

    def moved(self, given: Movable, measured: Measured) -> Moved:
        """One step of the optimisers by the gradients of θ and of α, if all numbers are finite."""
        gradients = self._clipped(self._layout.flat(measured.params))
        theta = [
            moved(self._meta_optimizer, slot, gradient, given.betas[0])
            for slot, gradient in zip(given.theta, gradients, strict=True)
        ]
        rows = given.rows
        if self._sizes is not None and measured.alpha is not None:
            rows = self._sizes.moved(rows, measured.alpha, given.betas[1])
        going = given.going & measured.losses.isfinite().all()

        def kept(new: Tensor, old: Tensor) -> Tensor:
            return torch.where(going, new, old)

        new, old = pytrees.leaves((theta, rows)), pytrees.leaves((given.theta, given.rows))
        values = iter(list(map(kept, new, old)))
        theta, rows = pytrees.map_leaves(lambda _: next(values), (theta, rows))
        return Moved(theta, rows, going, measured.losses)

    def _clipped(self, gradients: list[Tensor]) -> list[Tensor]:
        if self._clip is None:
            return gradients
        norm = vector_norm(torch.stack([vector_norm(gradient) for gradient in gradients]))
        share = (self._clip / (norm + NORM_EPSILON)).clamp(max=1)
        return [gradient * share for gradient in gradients]
