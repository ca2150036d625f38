"""A comparison as one HTML page that needs no network."""

import html
from collections.abc import Iterable, Sequence

from labkit.experiments.compare.comparison import Comparison
from labkit.experiments.compare.comparison_drawn import comparison_view
from labkit.experiments.compare.tables import Runs, curves_frame
from labkit.figures import MOST_GROUPS, PAPER, TEXT

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
{figure}
<h2>Means over seeds</h2>
{groups}
<h2>Differences on the same seeds</h2>
<p>Intervals are of 95 %, by Student's t, each for its own difference: of twenty that are really
zero, one leaves out zero by chance.</p>
{pairs}
{remarks}
<h2>Made by</h2>
{versions}
</body>
</html>
"""


def report_html(runs: Runs, comparison: Comparison) -> str:
    """What was compared, the figure, all means and differences, and the versions that ran.

    Args:
        runs: From which the comparison was made.
        comparison: With more groups than can be drawn, the page says so and has the tables alone.

    Returns:
        HTML, the same for the same runs.
    """
    left_out = f" Left out: {runs.left_out_words()}." if runs.left_out else ""
    by = ", ".join(comparison.by) or "nothing: their parameters are equal"
    return _PAGE.format(
        title=html.escape(f"Comparison of {comparison.metric}"),
        ink=TEXT,
        paper=PAPER,
        runs=html.escape(f"{len(runs.done)} runs, compared by {by}.{left_out}"),
        figure=_figure(runs, comparison),
        groups=_table(
            (*comparison.by, "seeds", "mean", "± 95 %"),
            (
                (*g.values.values(), g.mean.count, f"{g.mean.mean:.4g}", g.mean.half)
                for g in comparison.groups
            ),
        ),
        pairs=_table(
            ("difference", "", "seeds", "mean", "± 95 %", "verdict"),
            (
                (
                    pair.left.label,
                    f"− {pair.right.label}",
                    len(pair.seeds),
                    f"{pair.difference.mean:+.4g}",
                    pair.difference.half,
                    pair.verdict,
                )
                for pair in comparison.pairs
            ),
        ),
        remarks="".join(f"<p>{html.escape(line)}.</p>" for line in comparison.warnings()),
        versions=_table(("what", "runs with it"), _versions(runs)),
    )


def _figure(runs: Runs, comparison: Comparison) -> str:
    if len(comparison.groups) > MOST_GROUPS:
        return f"<p>No figure: it has room for {MOST_GROUPS} groups.</p>"
    return str(
        comparison_view(comparison, curves_frame(runs)).to_html(
            full_html=False,
            include_plotlyjs=True,
            div_id="maml-lab-comparison",  # a random one would differ each time
            config={"responsive": True},
        )
    )


def _versions(runs: Runs) -> list[tuple[str, int]]:
    """Notebooks, packages with versions and platforms, with the number of runs of each."""
    counts: dict[str, int] = {}
    for run in runs.done:
        provenance = run.result.provenance
        named = [f"notebook {run.status.notebook}"]
        named += [f"{name} {v}" for name, v in sorted(provenance.get("versions", {}).items())]
        named += [str(provenance[name]) for name in ("platform",) if name in provenance]
        for name in named:
            counts[name] = counts.get(name, 0) + 1
    return sorted(counts.items())


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [_row("th", heads), *(_row("td", row) for row in rows)]
    return "<table>\n" + "\n".join(lines) + "\n</table>"


def _row(tag: str, cells: Sequence[object]) -> str:
    inside = "".join(f"<{tag}>{html.escape(str(cell))}</{tag}>" for cell in cells)
    return f"<tr>{inside}</tr>"
