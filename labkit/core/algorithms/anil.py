"""ANIL: almost no inner loop; only the head adapts."""

from dataclasses import dataclass, field
from typing import final

from labkit.core.algorithms.algorithm import UnrollingAlgorithm
from labkit.core.checks import check_inner_loop, check_patterns, matching
from labkit.core.gradients import Unrolled
from labkit.core.inner import (
    AnyAlpha,
    GradientDescent,
    InnerLoop,
    InnerOptimizer,
    check_alpha,
    check_inner_optimizer,
)
from labkit.core.types import Order, Params, Patterns


@final
@dataclass(frozen=True, slots=True)
class ANIL(UnrollingAlgorithm):
    """MAML whose inner loop moves the head alone; the meta-gradient moves head and body.

    θ = (body, head): head' = head − α∇_head L_support(body, head), K times; the meta-gradient is
    ∇_θ L_query(body, head'), for order 2 also through the body's part in the inner gradients.

    Args:
        head: Which parameters are the head: a pattern for their names, with `*` and `?`, for
            example "4.*" for the fifth layer of a `torch.nn.Sequential`; or a list of patterns.
        alpha: α, in any form that `adapt` takes, or a `LearnedAlpha`; dicts name the head's.
        inner_steps: K, inner steps in training.
        order: 2 differentiates through the inner steps, 1 does not.
        inner_optimizer: `GradientDescent`, `Momentum` or `Adam`.

    Raises:
        ValueError: A value is out of its range; on use, if a pattern of `head` matches
            no parameter.

    Source:
        Raghu, Raghu, Bengio, Vinyals 2020, arXiv:1909.09157, §4.

    Example:
        L = (w + v − c)²/2 with head v: v' = v − α (w + v − c).

        >>> import torch
        >>> theta = {"body.w": torch.tensor(1.0), "head.v": torch.tensor(1.0)}
        >>> loss = lambda p, c: (p["body.w"] + p["head.v"] - c) ** 2 / 2
        >>> anil = ANIL(head="head.*", alpha=0.5)
        >>> anil.adapt(loss, theta, torch.tensor(0.0)).params
        {'body.w': tensor(1.), 'head.v': tensor(0.)}
    """

    head: Patterns = field(kw_only=True)
    alpha: AnyAlpha = 0.01
    inner_steps: int = 1
    order: Order = 2
    inner_optimizer: InnerOptimizer = GradientDescent()

    def __post_init__(self) -> None:
        check_patterns("head", self.head)
        check_inner_loop(self.inner_steps, self.order)
        check_alpha(self.alpha)
        check_inner_optimizer(self.inner_optimizer)

    def task(self, params: Params) -> Unrolled:
        """K steps on the head; the body is that of θ all along the path."""
        head = matching(params, self.head, "head")
        return Unrolled(InnerLoop(self.inner_steps, self.order, self.inner_optimizer, head))
