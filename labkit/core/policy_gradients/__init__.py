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
from labkit.core.policy_gradients.one_action import one_action_curvature
from labkit.core.policy_gradients.trust_region import PPO, TRPO, PolicySearch, fisher_product

__all__ = [
    "PPO",
    "TRPO",
    "LinearBaseline",
    "Objective",
    "PolicySearch",
    "Steps",
    "check_objective",
    "discounted_sums",
    "fisher_product",
    "gaussian_kl",
    "gaussian_log_prob",
    "generalised_advantages",
    "one_action_curvature",
    "policy_objective",
    "standardised",
]
