"""Groups of rows whose sizes differ, as one table of indices."""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor


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
