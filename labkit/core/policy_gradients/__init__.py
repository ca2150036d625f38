"""Policy gradients: advantages of sampled steps, and objectives with the right derivatives."""

from labkit.core.policy_gradients.advantages import (
    LinearBaseline,
    Steps,
    discounted_sums,
    generalised_advantages,
    standardised,
)
from labkit.core.policy_gradients.objectives import (
    Objective,
    check_objective,
    gaussian_kl,
    gaussian_log_prob,
    policy_objective,
)

__all__ = [
    "LinearBaseline",
    "Objective",
    "Steps",
    "check_objective",
    "discounted_sums",
    "gaussian_kl",
    "gaussian_log_prob",
    "generalised_advantages",
    "policy_objective",
    "standardised",
]
