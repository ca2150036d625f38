"""Advantages of sampled steps: discounted sums, generalised advantages, a linear baseline."""

from dataclasses import dataclass
from typing import NamedTuple, final

import torch
from torch import Tensor

TIME_UNIT = 100.0
"""Steps in a unit of the time that the baseline sees."""

RIDGE = 1e-5


class Steps(NamedTuple):
    """The steps of some episodes of one task.

    Attributes:
        observations: (episodes, steps, parts).
        rewards: (episodes, steps); 0 after the end of an episode.
        alive: 1.0 for each step of an episode, 0.0 after its end, (episodes, steps).
    """

    observations: Tensor
    rewards: Tensor
    alive: Tensor


def discounted_sums(values: Tensor, discount: float) -> Tensor:
    """Σ_{s ≥ t} discount^{s − t} values_s, for each step t.

    Args:
        values: (…, steps).
        discount: From 0 to 1.

    Example:
        >>> discounted_sums(torch.tensor([1.0, 2.0, 4.0]), 0.5)
        tensor([3., 4., 4.])
    """
    steps = torch.arange(values.shape[-1], device=values.device)
    apart = steps[:, None] - steps  # s − t, (steps, steps)
    weights = torch.where(apart >= 0, discount ** apart.clamp(min=0).to(values.dtype), 0.0)
    sums: Tensor = values @ weights
    return sums


@final
@dataclass(frozen=True, slots=True)
class LinearBaseline:
    """A value function that is linear in features of a state and the time, fitted by ridge.

    The features are the observation, its squares, t, t², t³ and 1, with t in hundreds of steps.

    Source:
        Duan, Chen, Houthooft, Schulman, Abbeel 2016, arXiv:1604.06778, appendix.
    """

    def fit(self, steps: Steps, targets: Tensor) -> Tensor:
        """The values of these states, after a fit to targets on them.

        Args:
            steps: Of one task.
            targets: Discounted sums of rewards, (episodes, steps).

        Returns:
            (episodes, steps); of steps after the end of an episode it means nothing.

        Example:
            Targets that are linear in the time are met.

            >>> steps = Steps(torch.zeros(2, 50, 2), torch.zeros(2, 50), torch.ones(2, 50))
            >>> targets = torch.arange(50.0).expand(2, 50)
            >>> float((LinearBaseline().fit(steps, targets) - targets).abs().max()) < 0.1
            True
        """
        observations = steps.observations.double()
        time = torch.arange(targets.shape[-1], device=targets.device, dtype=torch.float64)
        time = (time / TIME_UNIT)[:, None].expand(*targets.shape, 1)
        parts = [observations, observations.square(), time, time**2, time**3, torch.ones_like(time)]
        features = torch.cat(parts, -1)  # (episodes, steps, features)
        weighted = features * steps.alive.double()[..., None]
        columns = features.flatten(0, -2)
        gram = weighted.flatten(0, -2).mT @ columns
        gram = gram + RIDGE * torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
        slope = weighted.flatten(0, -2).mT @ targets.double().flatten()
        values: Tensor = features @ torch.linalg.solve(gram, slope)
        return values.to(targets.dtype)


def generalised_advantages(
    steps: Steps, values: Tensor | None, discount: float, mixing: float
) -> Tensor:
    """A_t = Σ_l (γλ)^l δ_{t+l} with δ_t = r_t + γ V(s_{t+1}) − V(s_t).

    Args:
        steps: Of one task.
        values: V(s_t), (episodes, steps); None: 0. After the last step V is 0.
        discount: γ, from 0 to 1.
        mixing: λ, from 0 (δ alone) to 1 (the discounted sum of rewards less V).

    Returns:
        (episodes, steps); 0 after the end of an episode.

    Source:
        Schulman, Moritz, Levine, Jordan, Abbeel 2016, arXiv:1506.02438, eq. 16.

    Example:
        With λ = 1 and V = 0 it is the discounted sum of rewards.

        >>> steps = Steps(torch.zeros(1, 2, 1), torch.tensor([[1.0, 2.0]]), torch.ones(1, 2))
        >>> generalised_advantages(steps, None, 0.5, 1.0)
        tensor([[2., 2.]])
    """
    delta = steps.rewards
    if values is not None:
        values = values * steps.alive
        after = torch.cat([values[..., 1:], torch.zeros_like(values[..., :1])], -1)
        delta = delta + discount * after - values
    return discounted_sums(delta, discount * mixing) * steps.alive


def standardised(advantages: Tensor, alive: Tensor) -> Tensor:
    """Advantages of one task with mean 0 and standard deviation 1 over its steps."""
    count = alive.sum()
    mean = (advantages * alive).sum() / count
    centred = (advantages - mean) * alive
    return centred / ((centred.square().sum() / count).sqrt() + 1e-8)
