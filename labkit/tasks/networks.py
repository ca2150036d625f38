"""The networks that serve the task families: the paper's, and one for the tides."""

import torch
from torch import Tensor, nn

from labkit.core import check_count, check_positive
from labkit.tasks.tides import HOURS_PER_UNIT


def sinusoid_mlp(generator: torch.Generator, inputs: int = 1, width: int = 40) -> nn.Sequential:
    """The paper's sinusoid regressor: 1-40-40-1 with ReLU.

    f(x) = W₃ relu(W₂ relu(W₁x + b₁) + b₂) + b₃; weights from a normal with standard deviation
    0.01 cut at two standard deviations, biases 0.

    Args:
        generator: Source of the initial weights; the global generator is not touched.
        inputs: Numbers per point: 1, or 3 for the oracle, which also gets A and φ.
        width: Units of each hidden layer, ≥ 1.

    Returns:
        A module from (…, inputs) to (…, 1); 1,761 parameters for one input.

    Raises:
        ValueError: `inputs` or `width` is out of its range.

    Source:
        Finn, Abbeel, Levine 2017, arXiv:1703.03400, §5.1; initial weights as in its released code.

    Example:
        >>> net = sinusoid_mlp(torch.Generator().manual_seed(0))
        >>> sum(p.numel() for p in net.parameters())
        1761
    """
    check_count("inputs", inputs, 1)
    check_count("width", width, 1)
    layers: list[nn.Module] = []
    for units, outputs in ((inputs, width), (width, width), (width, 1)):
        # drawn in float64: rounding to float32 hides how a machine computes erfinv
        weight = torch.empty(outputs, units, dtype=torch.float64)
        nn.init.trunc_normal_(weight, std=0.01, a=-0.02, b=0.02, generator=generator)
        layers += [_linear(weight, torch.zeros(outputs)), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def tide_mlp(generator: torch.Generator, hours: float = 24.0, width: int = 64) -> nn.Sequential:
    """A regressor for `Tides`: 1-64-64-1 with tanh; its only input is the time.

    f(x) = W₃ tanh(W₂ tanh(w ⊙ (x − c)) + b₂) + b₃, with w ~ N(0, 1), the times c uniform over the
    window, W₂ ~ N(0, 1/width), W₃ ~ N(0, 0.01/width), b₂ = b₃ = 0. The units of the first layer
    therefore bend at different times of the window; with biases of 0 all would bend in its
    middle. The network does not know the speeds of the tide.

    Args:
        generator: Source of the initial weights; the global generator is not touched.
        hours: T, hours of the window of the tasks, > 0.
        width: Units of each hidden layer, ≥ 1.

    Returns:
        A module from (…, 1) to (…, 1); 4,353 parameters at the default width.

    Raises:
        ValueError: `hours` or `width` is out of its range.

    Example:
        >>> net = tide_mlp(torch.Generator().manual_seed(0))
        >>> sum(p.numel() for p in net.parameters())
        4353
    """
    check_positive("hours", hours)
    check_count("width", width, 1)

    def normal(outputs: int, inputs: int) -> Tensor:
        return torch.randn(outputs, inputs, generator=generator, dtype=torch.float64)

    weight = normal(width, 1)
    half = hours / HOURS_PER_UNIT / 2
    times = half * (2 * torch.rand(width, generator=generator, dtype=torch.float64) - 1)
    return nn.Sequential(
        _linear(weight, -weight[:, 0] * times),
        nn.Tanh(),
        _linear(normal(width, width) / width**0.5, torch.zeros(width)),
        nn.Tanh(),
        _linear(normal(1, width) * 0.1 / width**0.5, torch.zeros(1)),
    )


def _linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    """A layer in float32; nn.Linear would draw its own values from the global generator."""
    outputs, inputs = weight.shape
    linear = nn.Linear(inputs, outputs, device="meta").to_empty(device="cpu")
    linear.weight.data.copy_(weight)
    linear.bias.data.copy_(bias)
    return linear
