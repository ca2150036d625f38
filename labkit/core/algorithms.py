"""Meta-learning algorithms as values: what is done to θ on a batch of tasks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

from labkit.core.adaptation import Adaptation, adapt, check_inner_loop
from labkit.core.meta_gradient import MetaGradient, meta_gradient
from labkit.core.step_sizes import steps_of
from labkit.core.types import Alpha, Batch, LossFn, Order, Params, Reduction, StepSize


@final
@dataclass(frozen=True, slots=True)
class MAML:
    """Model-agnostic meta-learning; `order=1` is first-order MAML.

    θ'_i = θ − α∇L_support,i(θ), K times; the meta-gradient is ∇_θ of the query loss at θ'_i.

    Args:
        alpha: α, inner step size, in any form that `adapt` takes.
        inner_steps: K, inner steps in training.
        order: 2 differentiates through the inner steps, 1 does not.

    Raises:
        ValueError: `inner_steps` is negative or not whole, or `order` is not 1 or 2.

    Source:
        Finn, Abbeel, Levine 2017, arXiv:1703.03400, Algorithms 1 and 2.

    Example:
        >>> MAML(alpha=0.01, inner_steps=2).evaluation_alpha(4)
        [0.01, 0.01, 0.005, 0.005]
    """

    alpha: Alpha = 0.01
    inner_steps: int = 1
    order: Order = 2

    def __post_init__(self) -> None:
        check_inner_loop(self.inner_steps, self.order)

    def adapt(self, loss_fn: LossFn, params: Params, support: Batch) -> Adaptation:
        """Adapt θ to one task with this algorithm's α, K and order; see `adapt`."""
        return adapt(
            loss_fn,
            params,
            support,
            alpha=self.alpha,
            inner_steps=self.inner_steps,
            order=self.order,
        )

    def meta_gradient(
        self,
        loss_fn: LossFn,
        params: Params,
        support: Batch,
        query: Batch,
        *,
        reduction: Reduction = "mean",
    ) -> MetaGradient:
        """The gradient that moves θ, over a batch of tasks; see `meta_gradient`."""
        return meta_gradient(
            loss_fn,
            params,
            support,
            query,
            alpha=self.alpha,
            inner_steps=self.inner_steps,
            order=self.order,
            reduction=reduction,
        )

    def evaluation_alpha(self, inner_steps: int) -> list[StepSize]:
        """α per step when testing with `inner_steps` steps: as trained, then half of the last.

        θ was trained for K steps of size α. More steps of the same size make some sinusoid tasks
        diverge, so that later steps are half as long.

        Args:
            inner_steps: Number of steps to test with, ≥ 0.

        Returns:
            One step size for each of the `inner_steps` steps.

        Raises:
            ValueError: `inner_steps` is negative or not whole.
        """
        check_inner_loop(inner_steps, self.order)
        trained = steps_of(self.alpha) or [self.alpha] * max(self.inner_steps, 1)  # type: ignore[list-item]
        return (trained + [_half(trained[-1])] * inner_steps)[:inner_steps]


def _half(alpha: StepSize) -> StepSize:
    if isinstance(alpha, Mapping):
        return {name: value / 2 for name, value in alpha.items()}
    return alpha / 2
