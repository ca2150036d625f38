"""Meta-SGD: MAML that learns a step size for every element of θ."""

from dataclasses import dataclass
from typing import final

from labkit.core.algorithms.algorithm import UnrollingAlgorithm
from labkit.core.checks import check_freeze, check_inner_loop, not_frozen
from labkit.core.gradients import Unrolled
from labkit.core.inner import AnyAlpha, InnerLoop, LearnedAlpha, check_alpha
from labkit.core.types import Order, Params, Patterns


@final
@dataclass(frozen=True, slots=True)
class MetaSGD(UnrollingAlgorithm):
    """MAML with one learned α per element of θ.

    θ' = θ − α ⊙ ∇L_support(θ); θ and α both follow the gradient of L_query(θ').
    With one step ∂L/∂α = −∇L_query(θ') ⊙ ∇L_support(θ).

    Args:
        alpha: A number, from which every element's α starts, kept positive and learned with
            β_α = 1e-3; or a `LearnedAlpha(granularity="element")` with other settings; or the
            step sizes themselves, as `adapt` takes them per element.
        inner_steps: K; the paper takes 1.
        order: 2 differentiates through the inner steps, 1 does not.
        freeze: As for `MAML`.

    Raises:
        ValueError: A value is out of its range, or `alpha` is learned but not per element.

    Source:
        Li, Zhou, Chen, Li 2017, arXiv:1707.09835, Algorithm 1.

    Example:
        >>> MetaSGD(alpha=0.05).alpha
        LearnedAlpha(initial=0.05, granularity='element', per_step=False, beta=0.001, positive=True)
    """

    alpha: AnyAlpha = 0.01
    inner_steps: int = 1
    order: Order = 2
    freeze: Patterns | None = None

    def __post_init__(self) -> None:
        check_inner_loop(self.inner_steps, self.order)
        check_freeze(self.freeze)
        check_alpha(self.alpha)
        if isinstance(self.alpha, int | float):
            learned = LearnedAlpha(self.alpha, granularity="element")
            object.__setattr__(self, "alpha", learned)
        elif isinstance(self.alpha, LearnedAlpha) and self.alpha.granularity != "element":
            raise ValueError(
                f"MetaSGD learns alpha per element, got granularity={self.alpha.granularity!r}: "
                "take MAML for the others"
            )

    def task(self, params: Params) -> Unrolled:
        """K steps on all parameters that `freeze` does not name."""
        adapted = not_frozen(params, self.freeze)
        return Unrolled(InnerLoop(self.inner_steps, self.order, adapted=adapted))
