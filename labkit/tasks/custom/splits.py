"""The division of whole groups or classes into splits, and families that move between them."""

from copy import copy
from typing import TypeVar

import torch
from torch import Tensor

from labkit.core import check_count
from labkit.tasks.family import Split, check_split

Family = TypeVar("Family")


def divide(count: int, split_seed: int, what: str) -> dict[Split, Tensor]:
    """Divide things at random: 15 % for validation, 15 % for the test, the others for training.

    Each share is rounded to a whole number, and at least 1.

    Args:
        count: How many things there are, such as classes; ≥ 3.
        split_seed: ≥ 0; the same division for the same seed and count.
        what: What they are, in the plural, for errors.

    Returns:
        Split → indices, ascending; together 0 … count − 1, each once.

    Raises:
        ValueError: There are fewer than three, or the seed is no whole number ≥ 0.

    Example:
        >>> {split: len(members) for split, members in divide(142, 0, "countries").items()}
        {'train': 100, 'validation': 21, 'test': 21}
    """
    check_count("split_seed", split_seed, 0)
    if count < 3:
        raise ValueError(
            f"there are {count} {what}, and training, validation and test need at least one each: "
            f"give at least 3 {what}"
        )
    held = max(1, (15 * count + 50) // 100)
    generator = torch.Generator().manual_seed(int(split_seed) % 2**63)
    order = torch.rand(count, generator=generator, dtype=torch.float64).argsort()
    return {
        "train": order[2 * held :].sort().values,
        "validation": order[held : 2 * held].sort().values,
        "test": order[:held].sort().values,
    }


def with_split(family: Family, split: Split) -> Family:
    """A copy of a frozen family with another `split`, sharing the data that was read for it.

    Raises:
        ValueError: There is no such split.
    """
    check_split(split)
    other = copy(family)
    object.__setattr__(other, "split", split)
    return other
