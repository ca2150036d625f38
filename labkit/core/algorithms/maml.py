"""MAML, exact and first-order, with the multi-step loss of MAML++."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self, final

from labkit.core.algorithms.algorithm import UnrollingAlgorithm
from labkit.core.checks import check_count, check_freeze, check_inner_loop, is_number, not_frozen
from labkit.core.gradients import Unrolled
from labkit.core.inner import (
    AnyAlpha,
    GradientDescent,
    InnerLoop,
    InnerOptimizer,
    check_alpha,
    check_inner_optimizer,
)
from labkit.core.types import Alpha, Order, Params, Patterns


@final
@dataclass(frozen=True, slots=True)
class MAML(UnrollingAlgorithm):
    """Model-agnostic meta-learning; `order=1` is first-order MAML.

    θ'_i = θ − α∇L_support,i(θ), K times; the meta-gradient is ∇_θ of the query loss at θ'_i, or,
    with `loss_weights`, of Σ_k w_k L_query,i(θ_k), k = 1 … K.

    Args:
        alpha: α, inner step size, in any form that `adapt` takes, or a `LearnedAlpha`.
        inner_steps: K, inner steps in training.
        order: 2 differentiates through the inner steps, 1 does not.
        inner_optimizer: `GradientDescent`, `Momentum` or `Adam`.
        loss_weights: w_1 … w_K of the query losses after each inner step; None: the last alone.
        loss_weights_until: Meta-steps over which the weights move, linearly, from `loss_weights`
            to the last alone; 0 keeps them.
        first_order_until: Meta-steps that are taken with order 1, before `order` is.
        freeze: Parameters that the inner loop leaves where they are, as a pattern for their names
            or a list of patterns, such as ["1.*", "4.*"]; the meta-gradient moves them too.

    Raises:
        ValueError: A value is out of its range, or `loss_weights` does not have K entries ≥ 0
            with a positive sum.

    Source:
        Finn, Abbeel, Levine 2017, arXiv:1703.03400, Algorithms 1 and 2; multi-step loss and
        derivative-order annealing: Antoniou, Edwards, Storkey 2019, arXiv:1810.09502, §4.

    Example:
        >>> MAML(alpha=0.01, inner_steps=2).evaluation_alpha(4)
        [0.01, 0.01, 0.005, 0.005]
        >>> MAML(first_order_until=100).at(99).order, MAML(first_order_until=100).at(100).order
        (1, 2)
    """

    alpha: AnyAlpha = 0.01
    inner_steps: int = 1
    order: Order = 2
    inner_optimizer: InnerOptimizer = GradientDescent()
    loss_weights: Sequence[float] | None = None
    loss_weights_until: int = 0
    first_order_until: int = 0
    freeze: Patterns | None = None

    def __post_init__(self) -> None:
        check_inner_loop(self.inner_steps, self.order)
        check_alpha(self.alpha)
        check_inner_optimizer(self.inner_optimizer)
        check_count("loss_weights_until", self.loss_weights_until, 0)
        check_count("first_order_until", self.first_order_until, 0)
        check_freeze(self.freeze)
        weights = self.loss_weights
        if weights is None:
            if self.loss_weights_until:
                raise ValueError("loss_weights_until needs loss_weights, which is None")
        elif (
            not isinstance(weights, Sequence)
            or len(weights) != self.inner_steps
            or not all(is_number(w) and 0 <= w < float("inf") for w in weights)
            or not sum(weights) > 0
        ):
            raise ValueError(
                f"loss_weights must be {self.inner_steps} numbers ≥ 0 with a positive sum, one per "
                f"inner step, got {weights!r}"
            )

    def task(self, params: Params) -> Unrolled:
        """K steps on all parameters but those frozen; the query losses count by `loss_weights`."""
        weights = None if self.loss_weights is None else tuple(self.loss_weights)
        adapted = not_frozen(params, self.freeze)
        loop = InnerLoop(self.inner_steps, self.order, self.inner_optimizer, adapted)
        return Unrolled(loop, weights)

    def at(self, meta_step: int) -> "MAML":
        """MAML with the order and the weights of one meta-step, without schedules."""
        if not (self.first_order_until or self.loss_weights_until):
            return self
        order = 1 if meta_step < self.first_order_until else self.order
        weights = self.loss_weights
        if weights is not None and self.loss_weights_until:
            done = min(meta_step / self.loss_weights_until, 1.0)
            last = [0.0] * (self.inner_steps - 1) + [1.0]
            weights = [(1 - done) * w + done * end for w, end in zip(weights, last, strict=True)]
        return replace(
            self, order=order, loss_weights=weights, loss_weights_until=0, first_order_until=0
        )

    def testing(self, inner_steps: int, alpha: Alpha | None = None) -> Self:
        """The same adaptation with `inner_steps` steps, by `evaluation_alpha` unless α is given."""
        last_alone = replace(self, loss_weights=None, loss_weights_until=0)
        return super(MAML, last_alone).testing(inner_steps, alpha)
