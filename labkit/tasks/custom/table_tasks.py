"""Tasks from a table of one's own: every group of its rows is a task."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, final

import torch
from torch import Tensor

from labkit.core import check_count
from labkit.tasks.custom.splits import with_split
from labkit.tasks.custom.tables import Table, read_table
from labkit.tasks.episodes import choose
from labkit.tasks.family import Portrait, Predictor, Split, TaskBatch, check_split
from labkit.tasks.regression import squared_error

if TYPE_CHECKING:
    from pandas import DataFrame

PORTRAIT_POINTS = 101


@final
@dataclass(frozen=True, slots=True, eq=False)
class TableTasks:
    """Regression on groups of rows of a DataFrame, such as measurements at many sites.

    All rows with the same value in the column `task` are one task: to predict `target` from
    `inputs`. Each group is equally likely, however many rows it has; support and query are
    different rows of it. Whole groups are divided at random, 70 % for training, 15 % for
    validation, 15 % for the test, at least one each.

    Columns are standardised, x ← (x − m) / s, with the mean m and the standard deviation s over
    all rows of the *training* groups alone, in every split. Memory grows with the number of groups
    times the rows of the largest. The loss is the mean squared error of
    the standardised target. Columns of truth values count as 0 and 1. The frame is read once, when
    the family is made.

    Args:
        frame: One row for each observation, in any order.
        task: Column that says which group a row is of; any values.
        inputs: Columns of numbers, ≥ 1.
        target: Column of numbers.
        shots: Support rows per task, ≥ 1.
        queries: Query rows per task, ≥ 1.
        split: "train", "validation" or "test".
        split_seed: ≥ 0, decides which groups are in which split.

    Raises:
        ValueError: A column is absent, not of numbers, has values that are missing or not finite,
            is constant over the training groups or is named twice; a group has fewer than shots +
            queries rows; there are fewer than three groups; or another value is not allowed.

    Example:
        >>> import pandas
        >>> site = [row // 6 for row in range(60)]
        >>> frame = pandas.DataFrame({"site": site, "day": range(60), "height": range(60)})
        >>> family = TableTasks(
        ...     frame, task="site", inputs=["day"], target="height", shots=2, queries=3
        ... )
        >>> batch = family.on("test").sample(25, torch.Generator().manual_seed(0))
        >>> batch.support[0].shape, batch.query[1].shape
        (torch.Size([25, 2, 1]), torch.Size([25, 3, 1]))
    """

    frame: "DataFrame" = field(repr=False)
    task: str
    inputs: Sequence[str]
    target: str
    shots: int = 5
    queries: int = 5
    split: Split = "train"
    split_seed: int = 0
    _table: Table = field(init=False, repr=False)

    def __post_init__(self) -> None:
        check_count("shots", self.shots, 1)
        check_count("queries", self.queries, 1)
        check_split(self.split)
        table = read_table(
            self.frame,
            self.task,
            self.inputs,
            self.target,
            self.shots + self.queries,
            self.split_seed,
        )
        object.__setattr__(self, "inputs", tuple(self.inputs))
        object.__setattr__(self, "_table", table)

    def on(self, split: Split) -> "TableTasks":
        """The same tasks from the groups of another split; the frame is not read again."""
        return with_split(self, split)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the groups of this split; `info["group"]` counts them."""
        return tuple(self._table.names[i] for i in self._table.members[self.split].tolist())

    def sample(self, tasks: int, generator: torch.Generator) -> TaskBatch:
        """Draw tasks; x is (tasks, points, inputs), y (tasks, points, 1), float64, standardised.

        `info` has "group", (tasks,), which counts `names`, and "rows", (tasks, shots + queries),
        the positions of the rows in the frame, support first.
        """
        check_count("tasks", tasks, 1)
        members = self._table.members[self.split]
        group = torch.randint(len(members), (tasks,), generator=generator)
        groups, number = self._table.groups, members[group]
        chosen = choose(groups.present[number], self.shots + self.queries, generator)
        rows = groups.rows[number].gather(1, chosen)
        values = self._table.values[rows]  # (tasks, points, inputs + 1)
        x, y = values[..., :-1], values[..., -1:]
        return TaskBatch(
            support=(x[:, : self.shots], y[:, : self.shots]),
            query=(x[:, self.shots :], y[:, self.shots :]),
            info={"group": group, "rows": rows},
        )

    def loss(self, predict: Predictor, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Mean squared error of predict(x) against y, in squared standard deviations.

        Raises:
            ValueError: The model's output is not (points, 1).
        """
        x, y = batch
        return squared_error(predict(x), y)

    def metrics(self, predict: Predictor, batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        """Root mean square error on one task, `rmse`, in the units of the target."""
        return {"rmse": self.loss(predict, batch).sqrt() * float(self._table.deviation[-1])}

    def portrait(self, task: TaskBatch, predictors: Sequence[Predictor]) -> Portrait:
        """One group in the units of its columns: its rows, the support, the model's curves.

        x is the first input. The truth is what is known of it: all rows of the group, support and
        query and others, joined by straight lines; the mean of those at the same x. Other inputs
        are held at their mean over the group while the model's curves are drawn.
        """
        table, (support_x, support_y) = self._table, task.support
        number = int(table.members[self.split][int(task.info["group"])])
        rows = table.groups.rows[number][table.groups.present[number]]
        values = table.values[rows].to(support_x)  # (rows of the group, inputs + 1)
        grid = torch.linspace(0, 1, PORTRAIT_POINTS).to(support_x)
        grid = values[:, 0].min().lerp(values[:, 0].max(), grid)
        inputs = values[:, :-1].mean(0).repeat(PORTRAIT_POINTS, 1)
        inputs[:, 0] = grid
        return Portrait(
            x=self._restored(grid, 0),
            truth=self._restored(_joined(values[:, 0], values[:, -1], grid), -1),
            predictions=self._restored(torch.stack([f(inputs)[..., 0] for f in predictors]), -1),
            support_x=self._restored(support_x[0, :, 0], 0),
            support_y=self._restored(support_y.flatten(), -1),
            title=self.names[int(task.info["group"])],
            x_label=str(self.inputs[0]),
            y_label=str(self.target),
        )

    def _restored(self, values: Tensor, column: int) -> Tensor:
        """Standardised values → the units of a column."""
        return values * float(self._table.deviation[column]) + float(self._table.mean[column])


def _joined(x: Tensor, y: Tensor, grid: Tensor) -> Tensor:
    """Straight lines through points (x, y), or their means at equal x, on a grid within them."""
    knots, knot = torch.unique(x, return_inverse=True)
    means = torch.zeros_like(knots).index_add(0, knot, y) / torch.bincount(knot).to(y)
    if len(knots) == 1:
        return means.expand_as(grid)
    right = torch.searchsorted(knots, grid).clamp(1, len(knots) - 1)
    share = (grid - knots[right - 1]) / (knots[right] - knots[right - 1])
    return means[right - 1].lerp(means[right], share)
