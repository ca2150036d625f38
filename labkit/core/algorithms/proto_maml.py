"""Proto-MAML: MAML for classification, whose head starts at the prototypes of each task."""

from dataclasses import dataclass, field
from functools import partial
from typing import final

import torch
from torch import Tensor

from labkit.core.algorithms.algorithm import UnrollingAlgorithm
from labkit.core.checks import check_freeze, check_inner_loop, check_patterns, matching, not_frozen
from labkit.core.gradients import Unrolled
from labkit.core.inner import (
    AnyAlpha,
    GradientDescent,
    InnerLoop,
    InnerOptimizer,
    check_alpha,
    check_inner_optimizer,
)
from labkit.core.types import Batch, EmbeddingLoss, LossFn, Order, Params, Patterns


@final
@dataclass(frozen=True, slots=True)
class ProtoMAML(UnrollingAlgorithm):
    """MAML whose linear head is set, before the inner loop, to a nearest-prototype classifier.

    With p_c the mean feature of the support points of class c: W_c = 2 p_c, b_c = −‖p_c‖². The
    logits are then −‖f(x) − p_c‖² up to a term that all classes share. All parameters then adapt as
    in MAML, and the meta-gradient goes through the prototypes too.

    Args:
        head: Pattern for the names of the head's weight (ways, features) and bias (ways,), for
            example "head.*".
        alpha: α, in any form that `adapt` takes, or a `LearnedAlpha`.
        inner_steps: K, inner steps in training.
        order: 2 differentiates through the inner steps, 1 does not; the prototypes always count.
        inner_optimizer: `GradientDescent`, `Momentum` or `Adam`.
        freeze: As for `MAML`.

    Raises:
        ValueError: A value is out of its range; on use, if `head` does not name one weight and one
            bias, or the loss shows no features.

    Source:
        Triantafillou et al. 2020, arXiv:1903.03096, §3.

    Example:
        Features are the inputs; class means 1 and 3 give W = (2, 6), b = (−1, −9).

        >>> class Loss:
        ...     def __call__(self, p, batch):
        ...         x, y = batch
        ...         return torch.nn.functional.cross_entropy(x @ p["h.w"].T + p["h.b"], y)
        ...     def embed(self, p, batch, head):
        ...         return batch
        >>> theta = {"h.w": torch.zeros(2, 1), "h.b": torch.zeros(2)}
        >>> support = torch.tensor([[0.0], [2.0], [3.0]]), torch.tensor([0, 0, 1])
        >>> ProtoMAML(head="h.*", inner_steps=0).adapt(Loss(), theta, support).params
        {'h.w': tensor([[2.],
                [6.]]), 'h.b': tensor([-1., -9.])}
    """

    head: Patterns = field(kw_only=True)
    alpha: AnyAlpha = 0.01
    inner_steps: int = 1
    order: Order = 2
    inner_optimizer: InnerOptimizer = GradientDescent()
    freeze: Patterns | None = None

    def __post_init__(self) -> None:
        check_patterns("head", self.head)
        check_freeze(self.freeze)
        check_inner_loop(self.inner_steps, self.order)
        check_alpha(self.alpha)
        check_inner_optimizer(self.inner_optimizer)

    def task(self, params: Params) -> Unrolled:
        """K steps on what `freeze` does not name, from θ with the head at the task's prototypes."""
        adapted = not_frozen(params, self.freeze)
        loop = InnerLoop(self.inner_steps, self.order, self.inner_optimizer, adapted)
        return Unrolled(loop, start=partial(prototype_head, self.head))

    def prototypes(self, loss_fn: LossFn, params: Params, support: Batch) -> Tensor:
        """p_c of one task, (ways, features); nan for a class without support points."""
        head = prototype_head(self.head, loss_fn, params, support)
        (weight,) = (n for n in matching(params, self.head, "head") if params[n].ndim == 2)
        return head[weight] / 2


def prototype_head(head: Patterns, loss_fn: LossFn, params: Params, support: Batch) -> Params:
    """θ with the head set to W_c = 2 p_c, b_c = −‖p_c‖²; nan for a class without support points."""
    if not isinstance(loss_fn, EmbeddingLoss):
        raise ValueError(
            "ProtoMAML needs a classification loss that shows its features: a loss_fn with a "
            "method embed(params, batch, head) -> (features, labels), which MetaLearner provides "
            "for a task family with a method labels(batch)"
        )
    names = sorted(matching(params, head, "head"), key=lambda name: params[name].ndim)
    if [params[name].ndim for name in names] != [1, 2] or len(
        {params[name].shape[0] for name in names}
    ) != 1:
        raise ValueError(
            f"head={head!r} must match one weight (ways, features) and one bias (ways,), got "
            f"{ {name: tuple(params[name].shape) for name in names} }"
        )
    bias, weight = names
    features, labels = loss_fn.embed(params, support, weight)  # (points, features), (points,)
    ways = torch.arange(params[bias].shape[0], device=labels.device)
    # by comparison: one_hot looks at values, which vmap does not allow
    member = (labels.unsqueeze(-1) == ways).to(features.dtype)  # (points, ways)
    # a class without support points has no prototype: 0/0 is nan, from which no training recovers
    prototypes = (member.T @ features) / member.sum(0).unsqueeze(-1)  # (ways, features)
    return {**params, weight: 2 * prototypes, bias: -(prototypes**2).sum(-1)}
