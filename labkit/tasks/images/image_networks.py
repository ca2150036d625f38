"""The networks that the paper uses on images."""

from collections import OrderedDict
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn

from labkit.core import check_count

EPSILON = 1e-3
"""Added to the variance by batch norm in the paper's code."""


def conv4(
    generator: torch.Generator, ways: int = 5, channels: int = 1, filters: int = 64
) -> nn.Sequential:
    """The paper's network for Omniglot: four convolutions with stride 2, and a linear head.

    h_l = relu(norm_l(W_l ∗ h_{l−1})), l = 1 … 4, each W_l 3×3 and each step halving the side;
    f(x) = W mean(h_4) + b, the mean over the remaining pixels; images may therefore have any
    size. Batch norm shifts but does not scale; it replaces the convolutions' biases, which would
    have no effect before it. `MetaLearner` needs batch_norm="transductive" for the paper's
    numbers: each batch is normalised by itself, in training and in testing.

    W_l are uniform with variance 2/(fan-in + fan-out) (Glorot), W standard normal, b and the
    shifts 0. Here, as in the paper's text, all parameters adapt; its code leaves the shifts out of
    the inner steps, which an α of 0 for `norm*.bias` repeats.

    Args:
        generator: Source of the initial weights; the global generator is not touched.
        ways: N, classes of a task.
        channels: 1 for grey, 3 for colour.
        filters: Features after each convolution.

    Returns:
        A module from (points, channels, height, width) to logits (points, ways); its layers are
        conv1, norm1, …, head. 111,749 parameters for 5 ways and one channel.

    Raises:
        ValueError: A count is below 1.

    Source:
        Finn, Abbeel, Levine 2017, arXiv:1703.03400, App. A.1; initial weights as in
        `construct_conv_weights` of its released code. Its padding is on the right and below, here
        it is on all sides.

    Example:
        >>> net = conv4(torch.Generator().manual_seed(0), ways=5)
        >>> sum(p.numel() for p in net.parameters() if p.requires_grad)
        111749
        >>> net(torch.zeros(10, 1, 28, 28)).shape
        torch.Size([10, 5])
    """
    _check(ways=ways, channels=channels, filters=filters)
    layers = _convolutions(generator, channels, filters, stride=2, pool=False)
    layers["mean"] = PixelMean()
    layers["head"] = _linear(filters, ways, lambda w: w.normal_(generator=generator))
    return nn.Sequential(layers)


def conv4_max_pool(
    generator: torch.Generator, ways: int = 5, channels: int = 3, filters: int = 32, side: int = 84
) -> nn.Sequential:
    """The paper's network for MiniImagenet: four convolutions with max-pooling, a linear head.

    h_l = pool(relu(norm_l(W_l ∗ h_{l−1}))), l = 1 … 4, each W_l 3×3 and each pool over 2×2 pixels;
    f(x) = W vec(h_4) + b. All weights are uniform with variance 2/(fan-in + fan-out) (Glorot).
    Batch norm is as in `conv4`.

    Args:
        generator: Source of the initial weights; the global generator is not touched.
        ways: N, classes of a task.
        channels: 1 for grey, 3 for colour.
        filters: Features after each convolution.
        side: Height and width of the images in pixels, ≥ 16.

    Returns:
        A module from (points, channels, side, side) to logits (points, ways); its layers are
        conv1, norm1, …, head.

    Raises:
        ValueError: A count is out of its range.

    Source:
        Finn, Abbeel, Levine 2017, arXiv:1703.03400, §5.2 and App. A.1; initial weights as in
        `construct_conv_weights` of its released code.

    Example:
        >>> net = conv4_max_pool(torch.Generator().manual_seed(0), ways=5)
        >>> net.head.weight.shape
        torch.Size([5, 800])
    """
    _check(ways=ways, channels=channels, filters=filters)
    check_count("side", side, 16)
    layers = _convolutions(generator, channels, filters, stride=1, pool=True)
    layers["flatten"] = nn.Flatten()
    features = filters * (side // 16) ** 2
    layers["head"] = _linear(features, ways, _glorot(generator))
    return nn.Sequential(layers)


def image_mlp(generator: torch.Generator, ways: int = 5, inputs: int = 28 * 28) -> nn.Sequential:
    """The paper's network without convolutions for Omniglot: 256-128-64-64 and a linear head.

    h_l = relu(norm_l(W_l h_{l−1})), l = 1 … 4; f(x) = W h_4 + b; all weights from a normal with
    standard deviation 0.01 cut at two standard deviations. Batch norm is as in `conv4`.

    Args:
        generator: Source of the initial weights; the global generator is not touched.
        ways: N, classes of a task.
        inputs: Pixels of an image times its channels.

    Returns:
        A module from (points, …), whatever the shape of a point, to logits (points, ways); its
        layers are linear1, norm1, …, head.

    Raises:
        ValueError: A count is below 1.

    Source:
        Finn, Abbeel, Levine 2017, arXiv:1703.03400, App. A.1; initial weights as in
        `construct_fc_weights` of its released code.

    Example:
        >>> net = image_mlp(torch.Generator().manual_seed(0), ways=5)
        >>> net(torch.zeros(10, 1, 28, 28)).shape
        torch.Size([10, 5])
    """
    _check(ways=ways, inputs=inputs)

    def draw(weight: Tensor) -> Tensor:
        return nn.init.trunc_normal_(weight, std=0.01, a=-0.02, b=0.02, generator=generator)

    layers = OrderedDict[str, nn.Module](flatten=nn.Flatten())
    widths = (inputs, 256, 128, 64, 64)
    for number, (before, width) in enumerate(pairwise(widths), start=1):
        layers[f"linear{number}"] = _linear(before, width, draw, bias=False)
        layers[f"norm{number}"] = _shift_only(nn.BatchNorm1d(width, eps=EPSILON))
        layers[f"relu{number}"] = nn.ReLU()
    layers["head"] = _linear(widths[-1], ways, draw)
    return nn.Sequential(layers)


class PixelMean(nn.Module):
    """Mean over the pixels, (points, features, height, width) → (points, features)."""

    def forward(self, x: Tensor) -> Tensor:
        """Average the last two axes."""
        return x.mean((-2, -1))


def _convolutions(
    generator: torch.Generator, channels: int, filters: int, *, stride: int, pool: bool
) -> OrderedDict[str, nn.Module]:
    layers = OrderedDict[str, nn.Module]()
    for number in (1, 2, 3, 4):
        inputs = channels if number == 1 else filters
        conv = nn.Conv2d(inputs, filters, 3, stride, 1, bias=False, device="meta")
        layers[f"conv{number}"] = _filled(conv, _glorot(generator))
        layers[f"norm{number}"] = _shift_only(nn.BatchNorm2d(filters, eps=EPSILON))
        layers[f"relu{number}"] = nn.ReLU()
        if pool:
            layers[f"pool{number}"] = nn.MaxPool2d(2)
    return layers


def _linear(
    inputs: int, outputs: int, draw: Callable[[Tensor], Tensor], *, bias: bool = True
) -> nn.Module:
    return _filled(nn.Linear(inputs, outputs, bias=bias, device="meta"), draw)


def _filled(layer: nn.Conv2d | nn.Linear, draw: Callable[[Tensor], Tensor]) -> nn.Module:
    """A layer that was made without values, with weights from `draw` and bias 0."""
    # on the device "meta" torch did not draw them from the global generator
    layer.to_empty(device="cpu")
    # drawn in float64: rounding to float32 hides how a machine computes them
    layer.weight.data.copy_(draw(torch.empty(layer.weight.shape, dtype=torch.float64)))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def _glorot(generator: torch.Generator) -> Callable[[Tensor], Tensor]:
    return lambda weight: nn.init.xavier_uniform_(weight, generator=generator)


def _shift_only(norm: nn.BatchNorm1d | nn.BatchNorm2d) -> nn.Module:
    norm.weight.requires_grad_(False)  # stays 1
    return norm


def _check(**counts: int) -> None:
    for name, count in counts.items():
        check_count(name, count, 1)
