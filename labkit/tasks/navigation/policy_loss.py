"""The loss of Gaussian policies: a mean return, with the gradient of an objective."""

from dataclasses import dataclass
from typing import Literal, TypeAlias, final

import torch
from torch import Tensor

from labkit.core import is_number
from labkit.core.policy_gradients import (
    LinearBaseline,
    Objective,
    check_objective,
    discounted_sums,
    gaussian_kl,
    gaussian_log_prob,
    generalised_advantages,
    policy_objective,
    standardised,
)
from labkit.tasks.family import Predictor
from labkit.tasks.navigation.trajectories import Trajectories, check_gaussian

AnyObjective: TypeAlias = Objective | Literal["pathwise"]


@final
@dataclass(frozen=True, slots=True)
class PolicyLoss:
    """−(mean return) of the trajectories, with the derivatives of an objective.

    Args:
        objective: "dice", "lvc" or "surrogate", see `labkit.policy_objective`; or "pathwise", for
            rewards that have a derivative in the policy's parameters.
        discount: γ, from 0 to 1.
        gae: λ of generalised advantages, from 0 to 1.
        baseline: Subtract a linear baseline, fitted to the episodes of each task.
        normalise: Standardise advantages and take the mean over steps; else the gradient is that of
            the mean discounted return.

    Raises:
        ValueError: A value is out of its range.
    """

    objective: AnyObjective
    discount: float
    gae: float
    baseline: bool
    normalise: bool

    def __post_init__(self) -> None:
        check_objective(self.objective, "pathwise")
        for name in ("discount", "gae"):
            value = getattr(self, name)
            if not is_number(value) or not 0 <= value <= 1:
                raise ValueError(f"{name} must be a number from 0 to 1, got {value!r}")

    def __call__(self, predict: Predictor, batch: Trajectories) -> Tensor:
        """The loss on the trajectories of one task, 0-d."""
        objective, before = self._objective(predict, batch)
        returns = batch.steps.rewards.sum(-1).mean().detach()
        # a loss with the derivatives of the objective, that is the return of the policy which has
        # drawn the trajectories
        return before - objective - returns

    def divergence(self, old: Predictor, new: Predictor, batch: Trajectories) -> Tensor:
        """Mean KL(old ‖ new) over the steps of the episodes, 0-d."""
        steps, parts = batch.steps, batch.actions.shape[-1]
        before, after = (check_gaussian(p(steps.observations), parts) for p in (old, new))
        apart = gaussian_kl(*before, *after)
        return (apart * steps.alive).sum() / steps.alive.sum()

    def _objective(self, predict: Predictor, batch: Trajectories) -> tuple[Tensor, Tensor]:
        """What is differentiated, 0-d, and its value at the policy that has drawn the batch."""
        steps = batch.steps
        discounts = self.discount ** torch.arange(
            steps.rewards.shape[-1], dtype=steps.rewards.dtype, device=steps.rewards.device
        )
        if self.objective == "pathwise":
            discounted = (steps.rewards * discounts).sum(-1).mean()
            return discounted, discounted.detach()
        with torch.no_grad():
            values = None
            if self.baseline:
                values = LinearBaseline().fit(steps, discounted_sums(steps.rewards, self.discount))
            advantages = generalised_advantages(steps, values, self.discount, self.gae)
            if self.normalise:
                advantages = standardised(advantages, steps.alive)
            else:
                advantages = advantages * discounts
        mean, log_std = check_gaussian(predict(steps.observations), batch.actions.shape[-1])
        log_probs = gaussian_log_prob(batch.actions, mean, log_std) * steps.alive
        objective = self.objective
        count = steps.alive.sum() if self.normalise else len(steps.alive)

        def total(log_probs: Tensor) -> Tensor:
            terms = policy_objective(objective, log_probs, batch.log_probs, advantages)
            return (terms * steps.alive).sum() / count

        return total(log_probs), total(batch.log_probs)
