"""Curves as named columns, pandas frames, and files that other programs read."""

from collections.abc import Sequence
from dataclasses import fields
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from labkit._io import atomic_write
from labkit.session.history import TrainingCurve
from labkit.session.settings import ParameterError, message_on
from labkit.training import AdaptationCurve

if TYPE_CHECKING:
    from pandas import DataFrame

Columns = dict[str, NDArray[np.float64]]
"""Name → values, all of one length."""


def training_columns(curve: TrainingCurve) -> Columns:
    """`meta_step` and what was recorded there, such as `loss_before` and `loss_after`."""
    return {field.name: getattr(curve, field.name) for field in fields(curve)}


def adaptation_columns(curve: AdaptationCurve) -> Columns:
    """`inner_step`, `query_loss` with `ci95` and `median`, `diverged`, and each measure.

    A measure of the task family, such as the accuracy, has two columns: the mean by its name,
    and `accuracy_ci95`.
    """
    measures = {
        column: values.double().numpy()
        for name, metric in curve.metrics.items()
        for column, values in ((name, metric.mean), (f"{name}_ci95", metric.ci95))
    }
    return {
        "inner_step": np.arange(len(curve.mean), dtype=np.float64),
        "query_loss": curve.mean.double().numpy(),
        "ci95": curve.ci95.double().numpy(),
        "median": curve.median.double().numpy(),
        "diverged": curve.diverged.double().numpy(),
        **measures,
    }


Format: TypeAlias = Literal["csv", "parquet"]


def training_frame(curve: TrainingCurve) -> "DataFrame":
    """A table of meta-training losses: `meta_step`, `loss_before`, `loss_after`, `seconds`.

    Raises:
        ModuleNotFoundError: pandas is not installed.
    """
    return _frame(training_columns(curve), "meta_step")


def adaptation_frame(curve: AdaptationCurve) -> "DataFrame":
    """A table of an adaptation curve, one row for each number of inner steps.

    Its columns are `inner_step`, `query_loss` (the mean over tasks) with `ci95` and `median`, the
    share `diverged`, and for each measure such as the accuracy `accuracy` and `accuracy_ci95`.

    Raises:
        ModuleNotFoundError: pandas is not installed.

    Example:
        >>> import torch
        >>> from labkit.training.evaluation import summarise
        >>> adaptation_frame(summarise(torch.tensor([[4.0, 1.0], [2.0, 1.0]])))["query_loss"]
        0    3.0
        1    1.0
        Name: query_loss, dtype: float64
    """
    return _frame(adaptation_columns(curve), "inner_step")


def write_curves(
    prefix: str | Path,
    training: TrainingCurve,
    adaptation: AdaptationCurve,
    formats: Sequence[Format] = ("csv", "parquet"),
) -> list[Path]:
    """Write both curves to files, each whole or not at all; older ones are replaced.

    Args:
        prefix: Folder and how the names begin: with "runs/first" the files are
            "runs/first_training.csv", "runs/first_adaptation.csv" and so on. A folder that does
            not exist is made.
        training: Columns as of `training_frame`.
        adaptation: Columns as of `adaptation_frame`.
        formats: "csv", "parquet" or both.

    Returns:
        The files written.

    Raises:
        ParameterError: A format is neither.
        ModuleNotFoundError: pandas is not installed, or for Parquet pyarrow.
    """
    if isinstance(formats, str) or not formats or not set(formats) <= set(get_args(Format)):
        words = f"must be a list of one or more of {', '.join(get_args(Format))}"
        raise ParameterError(message_on("formats", formats, words))
    frames = {"training": training_frame(training), "adaptation": adaptation_frame(adaptation)}
    if "parquet" in formats:
        _need("pyarrow", "Parquet files")
    prefix = Path(prefix)
    prefix.parent.mkdir(parents=True, exist_ok=True)
    written = []
    for kind in formats:
        for name, frame in frames.items():
            path = prefix.with_name(f"{prefix.name}_{name}.{kind}")
            write = frame.to_csv if kind == "csv" else frame.to_parquet
            atomic_write(path, partial(write, index=False))
            written.append(path)
    return written


def _frame(columns: Columns, index: str) -> "DataFrame":
    _need("pandas", "tables")
    import pandas as pd  # noqa: PLC0415  # it is part of the extra "lab" alone

    return pd.DataFrame(columns).astype({index: "int64"})


def _need(module: str, purpose: str) -> None:
    if find_spec(module) is None:
        raise ModuleNotFoundError(
            f"{purpose} need {module}, which is not installed: pip install 'maml-lab[lab]', or "
            f"{module} alone",
            name=module,
        )
