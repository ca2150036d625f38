"""Normalisation of points: by statistics of the training classes, or by given ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, final

import torch
from torch import Tensor

from labkit.core import is_number

Normalize: TypeAlias = Literal["train"] | tuple[Sequence[float] | float, Sequence[float] | float]
"""By mean and deviation over the training classes, or by (mean, deviation)."""

CHUNK_POINTS = 256
"""Points that are read at a time to measure them."""


@final
@dataclass(frozen=True, slots=True)
class Normalization:
    """x ← (x − mean) / deviation, per channel of images, per column of other points.

    Attributes:
        mean: Of each channel or column, float64, (channels,).
        deviation: Above 0, same shape.
        images: Whether points are images, (channels, height, width).
    """

    mean: Tensor
    deviation: Tensor
    images: bool

    def apply(self, x: Tensor) -> Tensor:
        """Normalise points, (points, …)."""
        mean, deviation = self._beside(x)
        return (x - mean) / deviation

    def undo(self, x: Tensor) -> Tensor:
        """Points as they were, (…, points, …)."""
        mean, deviation = self._beside(x)
        return x * deviation + mean

    def _beside(self, x: Tensor) -> tuple[Tensor, Tensor]:
        shape = (-1, 1, 1) if self.images else (-1,)
        return self.mean.to(x).view(shape), self.deviation.to(x).view(shape)


def normalization(
    normalize: Normalize,
    shape: tuple[int, ...],
    read: Callable[[Tensor], Tensor],
    training: Tensor,
) -> Normalization:
    """Read what a user asks for.

    Args:
        normalize: "train", or mean and deviation, each a number or one for each channel.
        shape: Of all points, (points, …); four axes are images, (points, channels, height, width).
        read: Numbers of points → these points, floating-point.
        training: Numbers of the points of the training classes.

    Raises:
        ValueError: It is neither, a deviation is not above 0, or a channel is the same in all
            training points.

    Example:
        >>> x = torch.tensor([[1.0, 4.0], [3.0, 8.0], [50.0, 60.0]])
        >>> by = normalization("train", (3, 2), lambda rows: x[rows], torch.tensor([0, 1]))
        >>> by.apply(x)[:2]
        tensor([[-1., -1.],
                [ 1.,  1.]])
    """
    images = len(shape) == 4
    axis, what = (1, "channel") if images else (-1, "column")
    if normalize == "train":
        mean, deviation, varies = _measured(read, training, axis)
        if not varies.all():
            number = int((~varies).nonzero()[0, 0])
            raise ValueError(
                f"{what} {number} is {float(mean[number]):g} in all points of the training "
                f"classes and cannot be normalised by its deviation: leave it out, or give "
                "normalize=(mean, deviation)"
            )
        return Normalization(mean, deviation, images)
    pair = normalize if isinstance(normalize, tuple | list) and len(normalize) == 2 else None
    numbers = [] if pair is None else [_numbers(each, shape[axis]) for each in pair]
    if pair is None or any(each is None for each in numbers) or min(numbers[1] or [0]) <= 0:
        raise ValueError(
            'normalize must be "train", or (mean, deviation), each a finite number or one for each '
            f"{what} ({shape[axis]}), the deviations above 0, got {normalize!r}"
        )
    mean, deviation = (torch.tensor(n, dtype=torch.float64) for n in numbers)
    return Normalization(mean, deviation, images)


def _numbers(values: Sequence[float] | float, count: int) -> list[float] | None:
    """One number for each channel; None if they are not."""
    if isinstance(values, Tensor):
        values = values.tolist()
    listed = [values] * count if is_number(values) else values
    if not isinstance(listed, list | tuple) or len(listed) != count:
        return None
    if not all(is_number(value) and abs(value) < float("inf") for value in listed):
        return None
    return [float(value) for value in listed]


def _measured(
    read: Callable[[Tensor], Tensor], rows: Tensor, axis: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and deviation of each channel, and whether it varies; a few points at a time.

    Source:
        Chan, Golub, LeVeque 1983, doi:10.1080/00031305.1983.10483115, for two parts into one.
    """
    count, mean, squares = 0, torch.zeros(()), torch.zeros(())
    least, most = torch.tensor(torch.inf), torch.tensor(-torch.inf)
    for some in torch.split(rows, CHUNK_POINTS):
        values = read(some).double().movedim(axis, 0).flatten(1).cpu()  # (channels, values)
        own, size = values.mean(1), values.shape[1]
        rest, share = own - mean, size / (count + size)
        squares = squares + (values - own[:, None]).square().sum(1) + rest**2 * count * share
        mean, count = mean + rest * share, count + size
        least = torch.minimum(least, values.amin(1))
        most = torch.maximum(most, values.amax(1))
    return mean, (squares / count).sqrt(), most > least
