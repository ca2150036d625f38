"""From a pandas DataFrame to standardised tensors: what is read, and what is refused."""

import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
import torch
from torch import Tensor

from labkit.tasks.custom.groups import GroupTable, group_table
from labkit.tasks.custom.splits import divide
from labkit.tasks.family import Split

if TYPE_CHECKING:
    from pandas import DataFrame, Series


@final
@dataclass(frozen=True, slots=True)
class Table:
    """Columns of a frame, standardised by its training groups, and the groups of its rows.

    Attributes:
        values: (column − mean) / deviation, the inputs and then the target, float64,
            (rows, inputs + 1).
        mean: Of each column over all rows of the training groups, in its units, (inputs + 1,).
        deviation: Standard deviation over the same rows, in its units, (inputs + 1,).
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
    frame: "DataFrame", task: str, inputs: Sequence[str], target: str, rows: int, split_seed: int
) -> Table:
    """Check the columns of a frame, divide its groups into splits and standardise.

    Args:
        frame: One row for each observation.
        task: Column whose values name the groups.
        inputs: Columns of numbers.
        target: Column of numbers.
        rows: Rows that each group must have, ≥ 1.
        split_seed: Decides the division.

    Raises:
        ValueError: As for `TableTasks`.
    """
    _check_columns(frame, task, inputs, target)
    columns = (*inputs, target)
    numbers = torch.from_numpy(np.stack([_numbers(frame, column) for column in columns], axis=1))
    _check_named(frame, task)
    codes, uniques = frame[task].factorize(sort=True)
    names = tuple(map(str, uniques))
    if len(set(names)) < len(names):
        raise ValueError(
            f"task column {task!r} has groups that differ in type but not in name, such as 1 and "
            f"'1': make all of one type, frame[{task!r}].astype(str)"
        )
    members = divide(len(names), split_seed, f"groups in the column {task!r}")
    group = torch.from_numpy(codes.astype(np.int64))
    groups = group_table(group, len(names))
    _check_sizes(groups.present.sum(1), names, task, rows)
    training = numbers[torch.isin(group, members["train"])]
    mean, deviation = training.mean(0), training.std(0, correction=0)
    # not by the deviation: the mean of equal numbers may differ from them by rounding
    varies = training.amax(0) > training.amin(0)
    if not varies.all():
        constant = columns[int((~varies).nonzero()[0, 0])]
        raise ValueError(
            f"column {constant!r} is {_plain(training[0, columns.index(constant)])} in all "
            f"{len(members['train'])} training groups, so that it cannot be standardised: leave "
            "it out of inputs, or take another column as the target or another split_seed"
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


def _check_columns(frame: Any, task: str, inputs: Sequence[str], target: str) -> None:
    pandas = sys.modules.get("pandas")  # where it is not loaded there is no DataFrame
    if pandas is None or not isinstance(frame, pandas.DataFrame):
        raise ValueError(
            f"frame must be a pandas DataFrame, got {type(frame).__name__}: "
            "pandas.DataFrame(...) makes one of a dict of columns"
        )
    if isinstance(inputs, str) or not isinstance(inputs, Collection) or not len(inputs):
        raise ValueError(
            f"inputs must be a list of at least one column, such as ['year'], got {inputs!r}"
        )
    roles = [("task", task), *(("inputs", column) for column in inputs), ("target", target)]
    for number, (role, column) in enumerate(roles):
        found = list(frame.columns).count(column)
        if found != 1:
            raise ValueError(
                f"{role}: the frame has {found or 'no'} column{'s' * (found > 1)} {column!r}; its "
                f"columns are {', '.join(map(repr, frame.columns))}"
            )
        for other, earlier in roles[:number]:
            if earlier == column:
                raise ValueError(
                    f"column {column!r} stands in {other} and in {role}: each column has one part, "
                    "once"
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


def _check_sizes(sizes: Tensor, names: tuple[str, ...], task: str, rows: int) -> None:
    short = sizes < rows
    if short.any():
        first = int(short.nonzero()[0, 0])
        raise ValueError(
            f"group {names[first]!r} has {int(sizes[first])} rows, fewer than the {rows} of shots "
            f"+ queries; such groups: {int(short.sum())} of {len(names)}. Take fewer shots or "
            f"queries, or leave those groups out: "
            f"frame[frame.groupby({task!r})[{task!r}].transform('size') >= {rows}]"
        )


def _plain(value: Tensor) -> str:
    return f"{float(value):g}"
