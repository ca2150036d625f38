"""Groups of rows or classes: their rows as one table of indices, their division into splits."""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import TypeAlias, TypeVar, final, get_args

import torch
from torch import Tensor

from labkit.core import check_count
from labkit.tasks.family import Split, check_split


@final
@dataclass(frozen=True, slots=True)
class GroupTable:
    """Which rows belong to which group.

    Attributes:
        rows: Numbers of the rows of each group, ascending, then 0 where there are no more,
            (groups, rows of the largest).
        present: Where there is a row, bool, same shape.
    """

    rows: Tensor
    present: Tensor


def group_table(group: Tensor, count: int) -> GroupTable:
    """Collect the rows of each group.

    Args:
        group: Group of each row, 0 … count − 1, (rows,).
        count: Number of groups, ≥ 1.

    Example:
        >>> table = group_table(torch.tensor([1, 0, 1, 1]), 2)
        >>> table.rows
        tensor([[1, 0, 0],
                [0, 2, 3]])
        >>> table.present.sum(1)
        tensor([1, 3])
    """
    sizes = torch.bincount(group, minlength=count)
    present = torch.arange(int(sizes.max())) < sizes[:, None]
    rows = torch.zeros(present.shape, dtype=torch.long)
    # a mask is filled row by row: by group, and within one in the order of the rows
    rows[present] = group.argsort(stable=True)
    return GroupTable(rows, present)


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


Splits: TypeAlias = Mapping[Split, Sequence[int | str]]
"""Split → names of its classes or groups, in place of a random division."""


def division(
    names: Sequence[str], splits: Splits | None, split_seed: int, what: str
) -> dict[Split, Tensor]:
    """Divide named things as a user says, or at random.

    Args:
        names: Of all things.
        splits: Which of them are in each split, by name; others are in none. None: at random.
        split_seed: As for `divide`.
        what: As for `divide`.

    Returns:
        Split → indices, ascending.

    Raises:
        ValueError: A split is missing, empty or unknown, a name is unknown or given twice; or as
            for `divide`.

    Example:
        >>> own = {"train": ["a", "c"], "validation": ["d"], "test": ["b"]}
        >>> division(["a", "b", "c", "d"], own, 0, "classes")["train"]
        tensor([0, 2])
    """
    if splits is None:
        return divide(len(names), split_seed, what)
    expected = get_args(Split)
    if not isinstance(splits, Mapping) or set(splits) != set(expected):
        keys = sorted(map(str, splits)) if isinstance(splits, Mapping) else repr(splits)[:100]
        raise ValueError(
            f"splits must be a dict with the keys {', '.join(map(repr, expected))} and for each a "
            f"list of names of {what}, got {keys}"
        )
    place = {name: i for i, name in enumerate(names)}
    seen: dict[str, Split] = {}
    for split in expected:
        if isinstance(splits[split], str) or not len(splits[split]):
            raise ValueError(f"splits[{split!r}] must be a list of at least one name of {what}")
        for name in map(str, splits[split]):
            if name not in place:
                raise ValueError(
                    f"splits[{split!r}] names {name!r}, which is none of the {len(names)} {what}, "
                    f"such as {', '.join(map(repr, names[:3]))}"
                )
            if name in seen:
                raise ValueError(
                    f"{name!r} is in splits[{seen[name]!r}] and in splits[{split!r}]: give each "
                    f"of the {what} once"
                )
            seen[name] = split
    indices = {split: [place[str(name)] for name in splits[split]] for split in expected}
    return {split: torch.tensor(sorted(each)) for split, each in indices.items()}


def with_split(family: Family, split: Split) -> Family:
    """A copy of a frozen family with another `split`, sharing the data that was read for it.

    Raises:
        ValueError: There is no such split.
    """
    check_split(split)
    return replaced(family, split=split)


def replaced(family: Family, **values: object) -> Family:
    """A copy of a frozen family with other values, sharing the data that was read for it."""
    other = copy(family)
    for name, value in values.items():
        object.__setattr__(other, name, value)
    return other
