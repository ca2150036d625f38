"""Curves as named columns: written once, for results, tables and files."""

from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from labkit.session.history import TrainingCurve
from labkit.training import AdaptationCurve

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
