"""The best cell of a map, and what it is worth: judged by seeds that had no part in choosing it."""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from labkit._student_t import t_quantile


@final
@dataclass(frozen=True, slots=True)
class BestCell:
    """The cell with the lowest mean loss.

    Attributes:
        row: Of the cell.
        column: Of the cell.
        chosen: Its mean loss on the seeds that chose it: too low, for it won also by luck.
        judged: Its mean loss on new seeds; None before they are trained.
        ci95: Half the 95 % interval of that mean; inf if one of the new seeds has diverged.
        new_seeds: How many.
    """

    row: int
    column: int
    chosen: float
    judged: float | None = None
    ci95: float | None = None
    new_seeds: int = 0


def best_cell(losses: Tensor, new_losses: Tensor | None = None) -> BestCell | None:
    r"""Choose the cell with the lowest mean loss, and judge it by losses that did not choose.

    The least of many means is lower than the mean of what it belongs to: the winner's curse. New
    trainings of the chosen cell alone, with other seeds, θ₀, training and held-out tasks, are
    independent of the choice, so their mean is unbiased and its interval
    $\bar{x} \pm t_{n-1}\, s / \sqrt{n}$ covers as usual, given any choice.

    Args:
        losses: Of each cell and seed, (rows, columns, seeds); a cell with one that is not finite is
            not chosen.
        new_losses: Of the chosen cell with new seeds, (n,), n ≥ 2; None: not trained yet.

    Returns:
        The cell; None if there is none to choose.

    Source:
        Cawley, Talbot 2010, On over-fitting in model selection and subsequent selection bias in
        performance evaluation, JMLR 11.

    Example:
        >>> losses = torch.tensor([[[2.0, 4.0], [1.0, 2.0]]])
        >>> best_cell(losses, torch.tensor([1.0, 2.0, 3.0]))
        BestCell(row=0, column=1, chosen=1.5, judged=2.0, ci95=2.484137..., new_seeds=3)
    """
    means = losses.mean(dim=2)
    means = torch.where(losses.isfinite().all(dim=2), means, torch.inf)
    index = int(means.argmin())
    row, column = divmod(index, means.shape[1])
    chosen = float(means[row, column])
    if chosen == float("inf"):
        return None
    if new_losses is None:
        return BestCell(row, column, chosen)
    count = len(new_losses)
    if not new_losses.isfinite().all():
        return BestCell(row, column, chosen, float("inf"), float("inf"), count)
    error = float(new_losses.std()) / count**0.5
    half = t_quantile(count - 1) * error
    return BestCell(row, column, chosen, float(new_losses.mean()), half, count)
