"""Regression tasks from a pandas DataFrame: each group of its rows is a task."""

import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, final

import numpy as np
import torch
from torch import Tensor

from labkit.core import check_count
from labkit.tasks.classification import choose
from labkit.tasks.custom.function_tasks import (
    Judge,
    check_loss,
    check_same_shape,
    squared_error,
)
from labkit.tasks.custom.groups import GroupTable, Splits, division, group_table, with_split
from labkit.tasks.family import Portrait, Predictor, Split, TaskBatch, check_split
from labkit.tasks.uneven import Padded, size_range

if TYPE_CHECKING:
    from pandas import DataFrame, Series


@final
@dataclass(frozen=True, slots=True)
class Table:
    """Columns of a frame, standardised by its training groups, and the groups of its rows.

    Attributes:
        values: (column − mean) / deviation, the inputs and then the targets, float64,
            (rows, inputs + targets).
        mean: Of each column over all rows of the training groups, in its units, (columns,).
        deviation: Standard deviation over the same rows, in its units, (columns,).
        groups: Rows of each group.
        names: Name of each group, in the order of the pandas factorisation.
        members: Groups of each split.
    """

    values: Tensor
    mean: Tensor
    deviation: Tensor
    groups: GroupTable
    names: tuple[str, ...]
    members: dict[Split, Tensor]


def read_table(
    frame: "DataFrame",
    task: str,
    inputs: Sequence[str],
    targets: Sequence[str],
    rows: int,
    split_seed: int,
    splits: Splits | None = None,
    *,
    normalize: bool = True,
) -> Table:
    """Check the columns of a frame, divide its groups into splits and standardise.

    Args:
        frame: One row for each observation.
        task: Column whose values name the groups.
        inputs: Columns of numbers.
        targets: Columns of numbers.
        rows: Rows that each group must have, ≥ 1.
        split_seed: Decides the division.
        splits: The groups of each split; None: at random.
        normalize: Standardise; otherwise means count as 0 and deviations as 1.

    Raises:
        ValueError: As for `TableTasks`.
    """
    _check_columns(frame, task, inputs, targets)
    columns = (*inputs, *targets)
    numbers = torch.from_numpy(np.stack([_numbers(frame, column) for column in columns], axis=1))
    _check_named(frame, task)
    codes, uniques = frame[task].factorize(sort=True)
    names = tuple(map(str, uniques))
    if len(set(names)) < len(names):
        raise ValueError(
            f"task column {task!r} has groups that differ in type but not in name, such as 1 and "
            f"'1': make all of one type, frame[{task!r}].astype(str)"
        )
    members = division(names, splits, split_seed, f"groups in the column {task!r}")
    group = torch.from_numpy(codes.astype(np.int64))
    groups = group_table(group, len(names))
    used = torch.cat([*members.values()]).sort().values
    _check_sizes(groups.present.sum(1)[used], [names[i] for i in used.tolist()], task, rows)
    if not normalize:
        count = numbers.shape[1]
        return Table(
            numbers, numbers.new_zeros(count), numbers.new_ones(count), groups, names, members
        )
    training = numbers[torch.isin(group, members["train"])]
    mean, deviation = training.mean(0), training.std(0, correction=0)
    # not by the deviation: the mean of equal numbers may differ from them by rounding
    varies = training.amax(0) > training.amin(0)
    if not varies.all():
        constant = columns[int((~varies).nonzero()[0, 0])]
        raise ValueError(
            f"column {constant!r} is {_plain(training[0, columns.index(constant)])} in all "
            f"{len(members['train'])} training groups and cannot be standardised: leave "
            "it out of inputs, or use another column as the target or another split_seed"
        )
    values = (numbers - mean) / deviation
    if not (finite := values.isfinite().all(0) & deviation.isfinite()).all():
        column = columns[int((~finite).nonzero()[0, 0])]
        raise ValueError(
            f"column {column!r} has numbers so large or so small that its deviation leaves the "
            f"range of floats: give it in another unit, frame[{column!r}] / "
            f"frame[{column!r}].abs().max()"
        )
    return Table(values, mean, deviation, groups, names, members)


def _check_columns(frame: Any, task: str, inputs: Sequence[str], targets: Sequence[str]) -> None:
    pandas = sys.modules.get("pandas")  # if it is not loaded, frame cannot be a DataFrame
    if pandas is None or not isinstance(frame, pandas.DataFrame):
        raise ValueError(
            f"frame must be a pandas DataFrame, got {type(frame).__name__}: "
            "pandas.DataFrame(...) makes one of a dict of columns"
        )
    if isinstance(inputs, str) or not isinstance(inputs, Collection) or not len(inputs):
        raise ValueError(
            f"inputs must be a list of at least one column, such as ['year'], got {inputs!r}"
        )
    if not targets:
        raise ValueError("target must be a column, or a list of at least one column, got []")
    columns = [*(("inputs", column) for column in inputs), *(("target", t) for t in targets)]
    roles = [("task", task), *columns]
    for number, (role, column) in enumerate(roles):
        count = list(frame.columns).count(column)
        if count != 1:
            raise ValueError(
                f"{role}: the frame has {count or 'no'} column{'s' * (count > 1)} {column!r}; its "
                f"columns are {', '.join(map(repr, frame.columns))}"
            )
        for other, earlier in roles[:number]:
            if earlier == column:
                raise ValueError(
                    f"column {column!r} is given as {other} and as {role}: use each column once"
                )
    if not len(frame):
        raise ValueError("the frame has no rows: give at least one for each observation")


def _numbers(frame: "DataFrame", column: str) -> Any:
    """One column as float64, numpy, (rows,)."""
    series = frame[column]
    if series.dtype.kind not in "biuf":
        raise ValueError(
            f"column {column!r} is of type {series.dtype}, and inputs and target must be numbers: "
            f"pandas.to_numeric(frame[{column!r}]) reads text, frame[{column!r}].dt.year dates, "
            f"and pandas.get_dummies(frame, columns=[{column!r}]) makes columns of categories"
        )
    numbers = series.to_numpy(dtype=np.float64, na_value=np.nan)
    if not (finite := np.isfinite(numbers)).all():
        raise ValueError(
            f"column {column!r} has {_located(series, ~finite)} that are missing or not finite: "
            f"leave those rows out, frame[frame[{column!r}].abs() < float('inf')]"
        )
    return numbers


def _check_named(frame: "DataFrame", task: str) -> None:
    missing = frame[task].isna().to_numpy()
    if missing.any():
        raise ValueError(
            f"task column {task!r} has {_located(frame[task], missing)} that are missing: leave "
            f"those rows out, frame.dropna(subset=[{task!r}])"
        )


def _located(series: "Series", bad: Any) -> str:
    return f"{int(bad.sum())} values (the first in the row {series.index[bad][0]!r})"


def _check_sizes(sizes: Tensor, names: Sequence[str], task: str, rows: int) -> None:
    short = sizes < rows
    if short.any():
        first = int(short.nonzero()[0, 0])
        raise ValueError(
            f"group {names[first]!r} has {int(sizes[first])} rows, fewer than the {rows} of shots "
            f"+ queries; such groups: {int(short.sum())} of {len(names)}. Take fewer shots or "
            f"queries, or a range such as shots=(1, 5), or leave those groups out: "
            f"frame[frame.groupby({task!r})[{task!r}].transform('size') >= {rows}]"
        )


def _plain(value: Tensor) -> str:
    return f"{float(value):g}"


PORTRAIT_POINTS = 101


@final
@dataclass(frozen=True, slots=True, init=False, eq=False)
class TableTasks:
    """Regression on groups of rows of a DataFrame, such as measurements at many sites.

    All rows with the same value in the column `task` are one task: to predict `target`, one column
    or several, from `inputs`. Each group is equally likely, however many rows it has; support and
    query are different rows of it. Whole groups are divided at random, 70 % for training, 15 % for
    validation, 15 % for the test, at least one each, or as `splits` says.

    With ranges, groups of different sizes serve: a task has any number of shots in the range with
    equal probability, as far as its group leaves enough rows for the query, and then as many query
    rows as the range and the group allow. Each task counts as if it were alone.

    Columns are standardised, x ← (x − m) / s, with the mean m and the standard deviation s over
    all rows of the *training* groups alone, in every split, unless `normalize` is False. Memory
    grows with the number of groups times the rows of the largest. The loss compares standardised
    targets, by the mean squared error unless another is given. Columns of truth values count as 0
    and 1. The frame is read once, when the family is made.

    Args:
        frame: One row for each observation, in any order.
        task: Column that says which group a row is of; any values.
        inputs: Columns of numbers, ≥ 1.
        target: Column of numbers, or a list of them, for a model with as many outputs.
        shots: Support rows per task, ≥ 1; or the least and the most, such as (1, 10).
        queries: Query rows per task, ≥ 1; or the least and the most, such as (1, 100).
        split: "train", "validation" or "test".
        split_seed: ≥ 0, decides which groups are in which split.
        splits: The names of the groups of each split, {"train": […], "validation": […],
            "test": […]}; groups in none are left out. None: at random, by `split_seed`.
        loss: (prediction, y) → 0-d loss on one task, on standardised values, each (points,
            targets); by default the mean squared error.
        normalize: Standardise columns; False: they stay in the units of the frame, for those that
            have been scaled already. Deviations of all groups would let the test into training.

    Raises:
        ValueError: A column is absent, not of numbers, has values that are missing or not finite,
            is constant over the training groups or is named twice; a group has fewer rows than the
            least shots and queries; there are fewer than three groups; or another value is not
            allowed.

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
    inputs: tuple[str, ...]
    target: str | tuple[str, ...]
    shots: int | tuple[int, int]
    queries: int | tuple[int, int]
    split: Split
    split_seed: int
    splits: Splits | None = field(repr=False)
    normalize: bool
    _loss: Judge = field(repr=False)
    _table: Table = field(init=False, repr=False)

    # by hand, since an argument and a method have the same name
    def __init__(
        self,
        frame: "DataFrame",
        task: str,
        inputs: Sequence[str],
        target: str | Sequence[str],
        shots: int | tuple[int, int] = 5,
        queries: int | tuple[int, int] = 5,
        split: Split = "train",
        split_seed: int = 0,
        *,
        splits: Splits | None = None,
        loss: Judge = squared_error,
        normalize: bool = True,
    ) -> None:
        if not isinstance(normalize, bool):
            raise ValueError(
                f"normalize must be True, by the training groups, or False, got {normalize!r}"
            )
        rows = size_range("shots", shots)[0] + size_range("queries", queries)[0]
        check_split(split)
        check_loss(loss)
        target = target if isinstance(target, str) else tuple(target)
        targets = (target,) if isinstance(target, str) else target
        table = read_table(
            frame, task, inputs, targets, rows, split_seed, splits, normalize=normalize
        )
        values = {
            "frame": frame,
            "task": task,
            "inputs": tuple(inputs),
            "target": target,
            "shots": shots,
            "queries": queries,
            "split": split,
            "split_seed": split_seed,
            "splits": splits,
            "normalize": normalize,
            "_loss": loss,
            "_table": table,
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def on(self, split: Split) -> "TableTasks":
        """The same tasks from the groups of another split; the frame is not read again."""
        return with_split(self, split)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the groups of this split; `info["group"]` counts them."""
        return tuple(self._table.names[i] for i in self._table.members[self.split].tolist())

    def sample(self, tasks: int, generator: torch.Generator) -> TaskBatch:
        """Draw tasks; x is (tasks, points, inputs), y (tasks, points, targets), float64.

        Both are standardised. With ranges, support and query are `Padded`. `info` has "group",
        (tasks,), which counts `names`, and "rows", (tasks, most shots + most queries), the
        positions of the rows in the frame, support first, −1 where there is none.
        """
        check_count("tasks", tasks, 1)
        members = self._table.members[self.split]
        group = torch.randint(len(members), (tasks,), generator=generator)
        groups, number = self._table.groups, members[group]
        present = groups.present[number]
        (least, most), (fewest, queries) = self._ranges()
        if (least, fewest) == (most, queries):
            rows = groups.rows[number].gather(1, choose(present, most + queries, generator))
            support, query = (self._points(part) for part in (rows[:, :most], rows[:, most:]))
            return TaskBatch(support, query, info={"group": group, "rows": rows})
        size = present.sum(1, keepdim=True)  # (tasks, 1)
        order = groups.rows[number].gather(1, choose(present, present.shape[1], generator))
        top = (size - fewest).clamp(max=most)
        shots = least + (torch.rand(size.shape, generator=generator) * (top - least + 1)).long()
        place = torch.arange(present.shape[1])
        first, later = place[:most], place[:queries]
        in_support, in_query = first < shots, later < (size - shots)
        support_rows = order[:, :most]
        query_rows = order.gather(1, (shots + later).clamp(max=len(place) - 1))
        parts = ((support_rows, in_support), (query_rows, in_query))
        rows = torch.cat([part.masked_fill(~real, -1) for part, real in parts], dim=1)
        # in place of missing rows, the first of the support
        support, query = (
            Padded(self._points(part.where(real, support_rows[:, :1])), real)
            for part, real in parts
        )
        return TaskBatch(support, query, info={"group": group, "rows": rows})

    def loss(self, predict: Predictor, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Loss of predict(x) against y; by default in squared standard deviations.

        Raises:
            ValueError: The model's output is not (points, targets); with another loss, not
                (points, …).
        """
        x, y = batch
        prediction = predict(x)
        if prediction.shape[:-1] != y.shape[:-1]:
            # a loss would compare every point with every other
            check_same_shape(prediction, y)
        return self._loss(prediction, y)

    def metrics(self, predict: Predictor, batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        """Root mean square error on one task, `rmse`, in the units of the target.

        With a list of targets it is `rmse_…` for each, with the name of its column. There is none
        if the model has other outputs than the targets, as some losses need.
        """
        x, y = batch
        prediction = predict(x)
        if prediction.shape != y.shape:
            return {}
        deviation = self._table.deviation[-len(self._targets) :].to(y)
        errors = (prediction - y).square().mean(0).sqrt() * deviation
        if not isinstance(self.target, tuple):
            return {"rmse": errors[0]}
        return {f"rmse_{name}": errors[i] for i, name in enumerate(self.target)}

    def portrait(self, task: TaskBatch, predictors: Sequence[Predictor]) -> Portrait:
        """One group in the units of its columns: its rows, the support, the model's curves.

        x is the first input. The truth is known only at the rows of the group (support, query
        and others), which straight lines join; the mean of those at the same x. Other inputs
        are held at their mean over the group while the model's curves are drawn. Of several targets
        it shows the first.
        """
        y_column = len(self.inputs)
        table, (support_x, support_y) = self._table, task.support
        number = int(table.members[self.split][int(task.info["group"])])
        rows = table.groups.rows[number][table.groups.present[number]]
        values = table.values[rows].to(support_x)  # (rows of the group, inputs + targets)
        grid = torch.linspace(0, 1, PORTRAIT_POINTS).to(support_x)
        grid = values[:, 0].min().lerp(values[:, 0].max(), grid)
        inputs = values[:, :y_column].mean(0).repeat(PORTRAIT_POINTS, 1)
        inputs[:, 0] = grid
        return Portrait(
            x=self._restored(grid, 0),
            truth=self._restored(_joined(values[:, 0], values[:, y_column], grid), y_column),
            predictions=self._restored(
                torch.stack([f(inputs)[..., 0] for f in predictors]), y_column
            ),
            support_x=self._restored(support_x[0, :, 0], 0),
            support_y=self._restored(support_y[0, :, 0], y_column),
            title=self.names[int(task.info["group"])],
            x_label=str(self.inputs[0]),
            y_label=str(self._targets[0]),
        )

    def _ranges(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Least and most shots, and queries."""
        return size_range("shots", self.shots), size_range("queries", self.queries)

    def _points(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Inputs and targets of rows, (tasks, points), standardised."""
        values = self._table.values[rows]  # (tasks, points, inputs + targets)
        return values[..., : len(self.inputs)], values[..., len(self.inputs) :]

    @property
    def _targets(self) -> tuple[str, ...]:
        return self.target if isinstance(self.target, tuple) else (self.target,)

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
