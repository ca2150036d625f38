"""A comparison drawn: the curves of its groups over seeds, beside the metric."""

from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from labkit.experiments.compare.comparison import Comparison
from labkit.experiments.compare.groups import Group
from labkit.experiments.compare.student_t import mean_interval
from labkit.figures import ComparedGroup, comparison_figure

if TYPE_CHECKING:
    from pandas import DataFrame

LOSS = "query_loss"


def comparison_view(comparison: Comparison, curves: "DataFrame") -> go.Figure:
    """Adaptation curves with bands over seeds, and the metric with its intervals.

    Args:
        comparison: Of at most twelve groups.
        curves: What `load_curves` has read from the same folders.

    Raises:
        ValueError: There are too many groups to draw.
    """
    name = comparison.metric.removesuffix("_after").removesuffix("_before")
    measure = name if name in curves else LOSS
    groups = [_compared(group, curves, measure) for group in comparison.groups]
    return comparison_figure(groups, metric=comparison.metric, measure=measure)


def _compared(group: Group, curves: "DataFrame", measure: str) -> ComparedGroup:
    chosen = curves[curves["run"].isin(group.runs)]
    means = [
        mean_interval(values.to_numpy())
        for _, values in chosen.groupby("inner_step", sort=True)[measure]
    ]
    return ComparedGroup(
        label=group.label,
        curve=np.array([m.mean for m in means]),
        ci95=np.array([m.ci95 for m in means]),
        value=group.mean.mean,
        value_ci95=group.mean.ci95,
    )
