"""Augmentation: training points that are altered at random, from the stream of the tasks."""

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

Augment: TypeAlias = Callable[[Tensor, torch.Generator], Tensor]
"""(x, generator) → x of the same shape; images are (images, channels, height, width) in [0, 1]."""

TRIAL_POINTS = 8
"""Points that an augmentation is tried on."""

_REMEDY = (
    "draw every random number from the generator, such as torch.rand(len(images), 1, 1, 1, "
    "generator=generator); code that takes none, such as torchvision's, runs under "
    "torch.random.fork_rng() after torch.manual_seed(int(torch.randint(2**31, (), "
    "generator=generator)))"
)


def augmented(augment: Augment, x: Tensor, generator: torch.Generator) -> Tensor:
    """Points as `augment` alters them, checked.

    Raises:
        ValueError: It does not return a tensor of the same shape and type.
    """
    result = augment(x, generator)
    if not isinstance(result, Tensor) or (result.shape, result.dtype) != (x.shape, x.dtype):
        got = type(result).__name__
        if isinstance(result, Tensor):
            got = f"{result.dtype} of shape {tuple(result.shape)}"
        raise ValueError(
            f"augment must return what it gets, {x.dtype} of shape {tuple(x.shape)}, altered, got "
            f"{got}: test tasks are not augmented, and have this shape and type"
        )
    return result


def check_augment(augment: object, x: Tensor) -> None:
    """Try an augmentation on some points, twice with equal generators.

    Args:
        augment: As given by the user.
        x: A few points, as `augment` will get them.

    Raises:
        ValueError: It is no function, alters the shape or the points that it gets, or draws random
            numbers that are not of its generator.
    """
    if not callable(augment):
        raise ValueError(f"augment must be a function (x, generator) → x, got {augment!r}")
    with torch.random.fork_rng():
        before = torch.get_rng_state()
        one, two = (
            augmented(augment, x.clone(), torch.Generator().manual_seed(0)) for _ in range(2)
        )
        same = torch.equal(torch.get_rng_state(), before)
        if not same or not torch.equal(one.nan_to_num(), two.nan_to_num()):
            raise ValueError(
                f"augment uses random numbers that are not of its generator, so a run could not "
                f"be repeated: {_REMEDY}"
            )
    if not one.isfinite().all() and x.isfinite().all():
        raise ValueError("augment gives values that are not finite: check it for a division by 0")
