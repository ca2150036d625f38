"""One Gaussian action with a quadratic reward: second derivatives that can be checked by hand."""

from typing import Literal

import torch
from torch import Tensor
from torch.func import grad, vmap

from labkit.core.checks import check_count, check_positive
from labkit.core.policy_gradients.objectives import Objective, check_objective, policy_objective


def one_action_curvature(
    objective: Objective | Literal["pathwise"],
    draws: int,
    *,
    generator: torch.Generator,
    sharpness: float = 1.0,
    offset: float = 1.0,
    spread: float = 1.0,
    baseline: bool = False,
) -> Tensor:
    """Estimates of J″(θ) by autograd, for an action x ~ N(θ, σ²) with the reward −a (x − c)²/2.

    J(θ) = −a [(θ − c)² + σ²]/2, so J″ = −a. The surrogate log p(x; θ) r has the expectation
    E[r ∂² log p] = a [(θ − c)² + σ²]/(2σ²) instead, whose sign is wrong; with the mean reward as a
    baseline 0, which is first-order MAML. "dice" adds E[r (∂ log p)²], and is unbiased.

    Args:
        objective: As for `labkit.policy_objective`, or "pathwise".
        draws: Actions, ≥ 2.
        generator: Draws them.
        sharpness: a > 0.
        offset: θ − c.
        spread: σ > 0.
        baseline: Subtract the mean reward of the draws.

    Returns:
        One estimate for each draw, (draws,), float64.

    Raises:
        ValueError: An argument is out of its range.

    Source:
        Foerster et al. 2018, arXiv:1802.05098, §3.

    Example:
        >>> stream = torch.Generator().manual_seed(0)
        >>> naive = one_action_curvature("surrogate", 100_000, generator=stream)
        >>> round(float(naive.mean()), 1)
        1.0
    """
    check_objective(objective, "pathwise")
    check_count("draws", draws, 2)
    check_positive("sharpness", sharpness)
    check_positive("spread", spread)
    noise = spread * torch.randn(draws, generator=generator, dtype=torch.float64)
    theta = torch.tensor(float(offset), dtype=torch.float64)  # c = 0
    rewards = -sharpness * (theta + noise) ** 2 / 2
    advantages = rewards - rewards.mean() if baseline else rewards

    def value(theta: Tensor, noise: Tensor, action: Tensor, advantage: Tensor) -> Tensor:
        if objective == "pathwise":
            return -sharpness * (theta + noise) ** 2 / 2
        log_prob = (-((action - theta) ** 2) / (2 * spread**2))[None]
        return policy_objective(objective, log_prob, log_prob.detach(), advantage[None]).sum()

    second = vmap(grad(grad(value)), (None, 0, 0, 0))
    estimates: Tensor = second(theta, noise, theta + noise, advantages)
    return estimates
