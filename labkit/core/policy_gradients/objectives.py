"""Objectives whose derivatives estimate those of an expected return, from sampled actions.

With r_t = π(a_t|s_t)/π_old(a_t|s_t), which is 1 at the parameters that have drawn the actions, and
R_t = r_0 r_1 … r_t with R_{−1} = 1:

- "dice": Σ_t (R_t − R_{t−1}) A_t. All its derivatives are unbiased.
- "lvc": Σ_t r_t A_t. The first is that of "dice"; the second lacks how θ changes which states are
  visited, for less variance.
- "surrogate": Σ_t log π(a_t|s_t) A_t. The first is that of "dice"; the second lacks the square of
  the score, E[∇log π ∇log πᵀ A], and may have the wrong sign.
"""

import math
from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor

Objective: TypeAlias = Literal["dice", "lvc", "surrogate"]
"""What is differentiated in place of an expected return."""

LOG_TWO_PI = math.log(2 * math.pi)


def check_objective(objective: object, *more: str) -> None:
    """Raise ValueError unless this is an `Objective`, or one of the other names."""
    names = (*get_args(Objective), *more)
    if objective not in names:
        raise ValueError(
            f"objective must be one of {', '.join(map(repr, names))}, got {objective!r}"
        )


def policy_objective(
    objective: Objective, log_probs: Tensor, old_log_probs: Tensor, advantages: Tensor
) -> Tensor:
    """The terms of an objective, one for each step; their sum over an episode is differentiated.

    Args:
        objective: "dice", "lvc" or "surrogate", see the head of this module.
        log_probs: log π(a_t|s_t) at θ, (…, steps); 0 where an episode has ended.
        old_log_probs: The same at the θ that has drawn the actions, (…, steps), without derivative.
        advantages: A_t, (…, steps), without derivative; 0 where an episode has ended.

    Returns:
        One term for each step, (…, steps); at the θ that has drawn the actions 0, A_t and
        log π · A_t.

    Source:
        DiCE: Foerster et al. 2018, arXiv:1802.05098, eq. 6; with advantages: Farquhar, Whiteson,
        Foerster 2019, arXiv:1909.10549, eq. 9. LVC: Rothfuss et al. 2019, arXiv:1810.06784, eq. 11.

    Example:
        One action x ~ N(θ, 1) with reward r = −x²/2: at θ = 1 the expected return −(θ² + 1)/2 has
        the second derivative −1. The estimate of "dice" is the mean of r (s² − 1), with the score
        s = x − 1; that of "surrogate" the mean of −r, near 1.

        >>> x = 1 + torch.randn(100_000, 1, generator=torch.Generator().manual_seed(0))
        >>> def second(objective):
        ...     def value(theta):
        ...         log_probs = -((x - theta) ** 2) / 2
        ...         terms = policy_objective(objective, log_probs, log_probs.detach(), -(x**2) / 2)
        ...         return terms.mean()
        ...     return float(torch.func.grad(torch.func.grad(value))(torch.tensor(1.0)))
        >>> abs(second("dice") + 1) < 0.1, abs(second("surrogate") - 1) < 0.1
        (True, True)
    """
    if objective == "surrogate":
        return log_probs * advantages
    log_ratios = log_probs - old_log_probs
    if objective == "lvc":
        return log_ratios.exp() * advantages
    ratios = log_ratios.cumsum(-1).exp()  # R_t
    before = torch.cat([torch.ones_like(ratios[..., :1]), ratios[..., :-1]], -1)
    return (ratios - before) * advantages


def gaussian_log_prob(x: Tensor, mean: Tensor, log_std: Tensor) -> Tensor:
    """The logarithm of a Gaussian density with independent parts, Σ over the last axis.

    Args:
        x: (…, parts).
        mean: (…, parts).
        log_std: Logarithm of the standard deviations, broadcast to the same.

    Example:
        >>> zero = torch.zeros(1)
        >>> gaussian_log_prob(zero, zero, zero)     # −log √(2π)
        tensor(-0.9189)
    """
    scaled = (x - mean) * (-log_std).exp()
    return (-scaled.square() / 2 - log_std - LOG_TWO_PI / 2).sum(-1)


def gaussian_kl(mean_p: Tensor, log_std_p: Tensor, mean_q: Tensor, log_std_q: Tensor) -> Tensor:
    """KL(p ‖ q) of Gaussians with independent parts, Σ over the last axis.

    Σ [log σ_q − log σ_p + (σ_p² + (μ_p − μ_q)²)/(2σ_q²) − ½]

    Args:
        mean_p: (…, parts).
        log_std_p: Broadcast to the same.
        mean_q: (…, parts).
        log_std_q: Broadcast to the same.

    Example:
        >>> zero = torch.zeros(1)
        >>> gaussian_kl(zero, zero, zero + 2, zero)     # 2²/2
        tensor(2.)
    """
    square = (2 * log_std_p).exp() + (mean_p - mean_q).square()
    return (log_std_q - log_std_p + square / (2 * (2 * log_std_q).exp()) - 0.5).sum(-1)
