"""The networks that the paper uses on its task families."""

import torch
from torch import nn


def sinusoid_mlp(generator: torch.Generator, inputs: int = 1) -> nn.Sequential:
    """The paper's sinusoid regressor: 1-40-40-1 with ReLU.

    f(x) = W₃ relu(W₂ relu(W₁x + b₁) + b₂) + b₃; weights from a normal with standard deviation
    0.01 cut at two standard deviations, biases 0.

    Args:
        generator: Source of the initial weights; the global generator is not touched.
        inputs: Numbers per point: 1, or 3 for the oracle, which is told A and φ.

    Returns:
        A module from (…, inputs) to (…, 1); 1,761 parameters for one input.

    Source:
        Finn, Abbeel, Levine 2017, arXiv:1703.03400, §5.1; initial weights as in its released code.

    Example:
        >>> net = sinusoid_mlp(torch.Generator().manual_seed(0))
        >>> sum(p.numel() for p in net.parameters())
        1761
    """
    layers: list[nn.Module] = []
    for width, outputs in ((inputs, 40), (40, 40), (40, 1)):
        # built without values: nn.Linear would draw them from the global generator
        linear = nn.Linear(width, outputs, device="meta").to_empty(device="cpu")
        # drawn in float64, so that rounding to float32 hides how a machine computes erfinv
        weight = torch.empty(outputs, width, dtype=torch.float64)
        nn.init.trunc_normal_(weight, std=0.01, a=-0.02, b=0.02, generator=generator)
        linear.weight.data.copy_(weight)
        nn.init.zeros_(linear.bias)
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1])
