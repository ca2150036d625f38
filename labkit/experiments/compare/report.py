"""A comparison as a figure, and as one HTML page that needs no network."""

import html
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from labkit.experiments.compare.comparison import Comparison, Group
from labkit.experiments.compare.loading import Runs, curves_frame
from labkit.experiments.compare.overview import figures_of, rows_of
from labkit.experiments.compare.student_t import mean_interval
from labkit.experiments.tables import number_text, value_text
from labkit.figures import (
    CONFIG,
    MOST_GROUPS,
    PAPER,
    TEXT,
    ComparedGroup,
    PlainFigure,
    comparison_figure,
)

if TYPE_CHECKING:
    from pandas import DataFrame

LOSS = "query_loss"

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ margin: 16px; font: 14px system-ui, 'DejaVu Sans', sans-serif; color: {ink};
 background: {paper}; }}
table {{ border-collapse: collapse; margin-bottom: 16px; }}
th, td {{ padding: 3px 12px 3px 0; text-align: left; font-variant-numeric: tabular-nums; }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>{runs}</p>
{script}
{figure}
<h2>Means over seeds</h2>
{groups}
<h2>Differences on the same seeds</h2>
<p>Each difference has its own 95 % interval, by Student's t. If twenty true differences are all
zero, on average one of their intervals excludes zero by chance.</p>
{pairs}
{remarks}
<h2>Runs</h2>
{overview}
<h2>Versions</h2>
{versions}
</body>
</html>
"""


def report_html(runs: Runs, comparison: Comparison) -> str:
    """A page with the figure, all means and differences, and the versions of what ran.

    Args:
        runs: The compared runs.
        comparison: Of them; without a figure if it has too many groups.

    Returns:
        HTML, the same for the same runs.
    """
    left_out = f" Left out: {runs.left_out_summary()}." if runs.left_out else ""
    by = ", ".join(comparison.by) or "nothing: their parameters are equal"
    return _PAGE.format(
        title=html.escape(f"Comparison of {comparison.metric}"),
        ink=TEXT,
        paper=PAPER,
        runs=html.escape(f"{len(runs.done)} runs, compared by {by}.{left_out}"),
        script=f"<script>{get_plotlyjs()}</script>",
        figure=_figure(runs, comparison),
        groups=_table(
            (*comparison.by, "seeds", "mean", "± 95 %", *comparison.diverged_head),
            (
                (
                    *map(value_text, g.values.values()),
                    g.mean.count,
                    g.mean.mean_text,
                    g.mean.ci95_text,
                    *count,
                )
                for g, count in zip(comparison.groups, comparison.diverged_column, strict=True)
            ),
        ),
        pairs=_table(
            ("difference", "", "seeds", "mean", "± 95 %", "verdict"),
            (
                (
                    pair.left.label,
                    f"− {pair.right.label}",
                    len(pair.seeds),
                    number_text(pair.difference.mean, "+.4g"),
                    pair.difference.ci95_text,
                    pair.verdict,
                )
                for pair in comparison.pairs
            ),
        ),
        remarks="".join(f"<p>{html.escape(line)}.</p>" for line in comparison.warnings()),
        overview=_overview(runs, comparison.metric),
        versions=_table(("what", "runs with it"), _versions(runs)),
    )


def _figure(runs: Runs, comparison: Comparison) -> str:
    if len(comparison.groups) > MOST_GROUPS:
        return f"<p>No figure: it can show at most {MOST_GROUPS} groups.</p>"
    return _plot("comparison", comparison_view(comparison, curves_frame(runs)))


def _plot(name: str, figure: go.Figure) -> str:
    return str(
        figure.to_html(
            full_html=False,
            include_plotlyjs=False,
            div_id=f"maml-lab-{name}",  # a random one would change with each call
            config={**CONFIG, "responsive": True},
        )
    )


def _overview(runs: Runs, metric: str) -> str:
    """The training curves, and what the parameters have to do with the metric, run by run."""
    return "\n".join(
        _plot(name, figure) for name, figure in figures_of(rows_of(runs), metric).items()
    )


def _versions(runs: Runs) -> list[tuple[str, int]]:
    """Notebooks, packages with versions and platforms, with the number of runs of each."""
    counts: dict[str, int] = {}
    for run in runs.done:
        provenance = run.result.provenance
        names = [f"notebook {run.status.notebook}"]
        names += [f"{name} {v}" for name, v in sorted(provenance.get("versions", {}).items())]
        names += [str(provenance[name]) for name in ("platform",) if name in provenance]
        for name in names:
            counts[name] = counts.get(name, 0) + 1
    return sorted(counts.items())


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [_row("th", heads), *(_row("td", row) for row in rows)]
    return "<table>\n" + "\n".join(lines) + "\n</table>"


def _row(tag: str, cells: Sequence[object]) -> str:
    inside = "".join(f"<{tag}>{html.escape(str(cell))}</{tag}>" for cell in cells)
    return f"<tr>{inside}</tr>"


def comparison_view(comparison: Comparison, curves: "DataFrame") -> go.Figure:
    """Draw adaptation curves and the metric, with intervals over seeds.

    Args:
        comparison: Of at most twelve groups.
        curves: From `load_curves` and the same folders.

    Raises:
        ValueError: There are too many groups to draw.
    """
    name = comparison.metric.removesuffix("_after").removesuffix("_before")
    measure = name if name in curves else LOSS
    groups = [_compared(group, curves, measure) for group in comparison.groups if group.metric]
    figure = comparison_figure(groups, metric=comparison.metric, measure=measure)
    return PlainFigure.of(figure)


def _compared(group: Group, curves: "DataFrame", measure: str) -> ComparedGroup:
    rows = curves[curves["run"].isin(group.runs)]
    means = [
        mean_interval(values.to_numpy())
        for _, values in rows.groupby("inner_step", sort=True)[measure]
    ]
    return ComparedGroup(
        label=group.label,
        curve=np.array([m.mean for m in means]),
        ci95=np.array([m.ci95 for m in means]),
        value=group.mean.mean,
        value_ci95=group.mean.ci95,
    )
