"""What updates θ: a name, a class of `torch.optim`, or a function that makes an optimiser."""

from typing import TypeAlias

import torch

from labkit.core import Params, PolicySearch
from labkit.training.step.optimizers import NAMED, OptimizerRule
from labkit.training.step.policy_search import SearchRule
from labkit.training.step.torch_optimizer import OptimizerFactory, TorchRule

MetaOptimizer: TypeAlias = str | OptimizerFactory | PolicySearch
"""A name such as "adam", a function of parameters and `lr` that makes an optimiser; TRPO or PPO."""


def optimizer_rule(optimizer: MetaOptimizer, params: Params, beta: float) -> OptimizerRule:
    """How an optimiser updates θ: by tensor operations that can be recorded, where labkit has them.

    Args:
        optimizer: See `MetaOptimizer`.
        params: θ, to try the optimiser on.
        beta: β, to try it with.

    Raises:
        ValueError: There is no such optimiser, or it cannot train θ step by step.

    Example:
        >>> import functools
        >>> theta = {"w": torch.zeros(2)}
        >>> optimizer_rule(functools.partial(torch.optim.SGD, momentum=0.9), theta, 0.1).label
        'sgd(momentum=0.9)'
    """
    if isinstance(optimizer, PolicySearch):
        return SearchRule(optimizer)
    if isinstance(optimizer, str):
        if optimizer in NAMED:
            return NAMED[optimizer]
        if optimizer not in (classes := _torch_classes()):
            raise ValueError(
                f"meta_optimizer must be one of {', '.join(map(repr, sorted({*NAMED, *classes})))}"
                f", or a function that makes a torch.optim.Optimizer, got {optimizer!r}"
            )
        optimizer = classes[optimizer]
    elif isinstance(optimizer, torch.optim.Optimizer) or not callable(optimizer):
        raise ValueError(
            "meta_optimizer must be a name, a class of torch.optim or a function of parameters and "
            f"lr that makes an optimiser, got {optimizer!r}: labkit calls it with its own "
            "parameters, as in torch.optim.AdamW or "
            "lambda params, lr: torch.optim.SGD(params, lr=lr, momentum=0.9)"
        )
    rule = TorchRule(optimizer, params, beta)
    return rule.functional or rule


def _torch_classes() -> dict[str, OptimizerFactory]:
    """Every optimiser of torch, by its name in lower case."""
    return {
        name.lower(): kind
        for name, kind in vars(torch.optim).items()
        if isinstance(kind, type)
        and issubclass(kind, torch.optim.Optimizer)
        and kind is not torch.optim.Optimizer
    }
