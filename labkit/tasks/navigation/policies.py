"""Gaussian policies: a network for the mean of an action, and a learned standard deviation."""

from math import isfinite
from typing import final

import torch
from torch import Tensor, nn

from labkit.core import check_count, is_number


@final
class GaussianPolicy(nn.Module):
    """π(a|s) = N(f(s), σ²) with independent parts.

    Args:
        mean: f, from (…, observation) to (…, action).
        actions: Parts of an action, ≥ 1.
        log_std: log σ at the start, for each part; learned and adapted with f.

    Raises:
        ValueError: `mean` is no module or has no parameters, or a number is out of its range.

    Example:
        >>> policy = GaussianPolicy(nn.Linear(2, 2), actions=2)
        >>> mean, log_std = policy(torch.zeros(5, 2))
        >>> mean.shape, log_std
        (torch.Size([5, 2]), Parameter containing:
        tensor([0., 0.], requires_grad=True))
    """

    def __init__(self, mean: nn.Module, actions: int, log_std: float = 0.0) -> None:
        super().__init__()
        check_count("actions", actions, 1)
        if not is_number(log_std) or not isfinite(log_std):
            raise ValueError(f"log_std must be a finite number, got {log_std!r}")
        if not isinstance(mean, nn.Module) or not any(p.requires_grad for p in mean.parameters()):
            raise ValueError(
                "a policy needs a module with parameters for the mean of its actions, such as "
                f"labkit.gaussian_policy gives, got {mean!r}: there is nothing to adapt"
            )
        self.mean = mean
        self.log_std = nn.Parameter(torch.full((actions,), float(log_std)))

    def forward(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        """The mean of the action, (…, action), and log σ, (action,)."""
        return self.mean(observations), self.log_std


def gaussian_policy(
    generator: torch.Generator,
    observations: int = 2,
    actions: int = 2,
    width: int = 100,
    log_std: float = 0.0,
) -> GaussianPolicy:
    """The paper's policy for navigation: a Gaussian with a mean by 2-100-100-2 and ReLU.

    Weights are uniform with variance 2/(inputs + outputs) (Glorot), biases 0, as in its code.

    Args:
        generator: Source of the initial weights; the global generator is not touched.
        observations: Parts of an observation, ≥ 1: 2, or 4 for an oracle that sees the goal.
        actions: Parts of an action, ≥ 1.
        width: Units of each hidden layer, ≥ 1.
        log_std: log σ at the start.

    Raises:
        ValueError: A number is out of its range.

    Source:
        Finn, Abbeel, Levine 2017, arXiv:1703.03400, §5.3; Duan et al. 2016, arXiv:1604.06778.

    Example:
        >>> policy = gaussian_policy(torch.Generator().manual_seed(0))
        >>> sum(p.numel() for p in policy.parameters())
        10604
    """
    for name, count in (("observations", observations), ("actions", actions), ("width", width)):
        check_count(name, count, 1)
    layers: list[nn.Module] = []
    for inputs, outputs in ((observations, width), (width, width), (width, actions)):
        bound = (6 / (inputs + outputs)) ** 0.5
        share = torch.rand(outputs, inputs, generator=generator, dtype=torch.float64)
        # nn.Linear would draw its own values from the global generator
        linear = nn.Linear(inputs, outputs, device="meta").to_empty(device="cpu")
        linear.weight.data.copy_(bound * (2 * share - 1))
        linear.bias.data.zero_()
        layers += [linear, nn.ReLU()]
    return GaussianPolicy(nn.Sequential(*layers[:-1]), actions, log_std)
