"""Runs in every state as rows, and the figures of many runs that pages show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from labkit.experiments.compare.importance import importance_of
from labkit.experiments.compare.loading import Runs
from labkit.experiments.runs import Labels
from labkit.experiments.tables import value_text

if TYPE_CHECKING:
    import plotly.graph_objects as go

SEED = "seed"

Point = tuple[int, float | None]
"""A meta-step, and the query loss after adaptation there; None where it is not finite."""


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run as a row of a table.

    Attributes:
        folder: Its folder, as text.
        id: Of the run.
        notebook: Short name of the notebook.
        state: As in its status, "interrupted" or "damaged".
        progress: How far it is, in words; empty once it has ended.
        parameters: Name → value; lists and dicts as JSON.
        metrics: Name → number; empty before its end.
        curve: Its training so far.
        seconds: How long it took; None before its end.
        error: The first line of what stopped it.
        labels: What people have written on it.
    """

    folder: str
    id: str
    notebook: str
    state: str
    progress: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    curve: Sequence[Point] = ()
    seconds: float | None = None
    error: str = ""
    labels: Labels = field(default_factory=Labels)

    def title(self, varying: Sequence[str]) -> str:
        """Its name, or the parameters in which it differs, or its id."""
        if self.labels.name:
            return self.labels.name
        parts = [f"{n}={value_text(self.parameters[n])}" for n in varying if n in self.parameters]
        return ", ".join(parts) or self.id


def rows_of(runs: Runs) -> list[RunRow]:
    """The rows of runs that are done."""
    return [
        RunRow(
            folder=run.status.id,
            id=run.status.id,
            notebook=run.status.notebook,
            state=run.status.state,
            parameters={n: v for n, v in run.row.items() if n in run.parameters},
            metrics=run.result.metrics,
            curve=training_points(run.result.curves),
            seconds=run.status.seconds,
        )
        for run in runs.done
    ]


def training_points(curves: Mapping[str, Mapping[str, Any]]) -> list[Point]:
    """The training curve of a result."""
    training = curves.get("training", {})
    if not {"meta_step", "loss_after"} <= training.keys():
        return []
    steps, losses = (np.asarray(training[name]) for name in ("meta_step", "loss_after"))
    return [
        (int(step), float(loss) if np.isfinite(loss) else None)
        for step, loss in zip(steps, losses, strict=True)
    ]


def varying_names(rows: Sequence[RunRow]) -> list[str]:
    """Parameters in which these runs differ, in their order."""
    whole = [row for row in rows if row.parameters]  # a damaged run has none
    names = dict.fromkeys(name for row in whole for name in row.parameters)
    return [n for n in names if len({repr(row.parameters.get(n)) for row in whole}) > 1]


def figures_of(rows: Sequence[RunRow], metric: str) -> "dict[str, go.Figure]":
    """Figures of runs: "curves", and where parameters differ "parallel", "importance", "against".

    Args:
        rows: In any state.
        metric: Of the runs that have it.
    """
    # slow to import, and most commands need none
    from labkit.figures import (  # noqa: PLC0415
        CurveOfRun,
        VariedParameter,
        against_figure,
        curves_figure,
        importance_figure,
        parallel_figure,
    )

    varying = varying_names(rows)
    figures = {
        "curves": curves_figure(
            [
                CurveOfRun(
                    row.title(varying),
                    [step for step, _ in row.curve],
                    [np.nan if loss is None else loss for _, loss in row.curve],
                    row.state == "running",
                )
                for row in rows
            ]
        )
    }
    measured = [row for row in rows if np.isfinite(row.metrics.get(metric, np.nan))]
    names = [n for n in varying_names(measured) if n != SEED]
    if not names:
        return figures
    columns = {name: [row.parameters.get(name) for row in measured] for name in names}
    values = [float(row.metrics[metric]) for row in measured]
    parameters = [VariedParameter.of(name, column) for name, column in columns.items()]
    own, titles = VariedParameter.of(metric, values), [row.title(varying) for row in measured]
    figures["parallel"] = parallel_figure(parameters, own, titles)
    if (importance := importance_of(columns, values)) is not None:
        figures["importance"] = importance_figure(importance.shares, importance.method)
    figures["against"] = against_figure(parameters, own, titles)
    return figures
