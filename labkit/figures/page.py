"""The lab as one web page that needs nothing else: plots that answer the pointer, and settings."""

import html

import plotly.graph_objects as go

from labkit.figures.lab import LabView, lab_figures, show_lab
from labkit.figures.plain import CONFIG
from labkit.figures.style import DARK_PAPER, NARROW, PAPER, TEXT
from labkit.session import Settings

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ margin: 16px; font: 14px system-ui, 'DejaVu Sans', sans-serif; color: {ink}; }}
@media (prefers-color-scheme: dark) {{ body {{ background: {dark}; color: {paper}; }} }}
.plots {{ display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 12px; }}
.plots > div {{ background: {paper}; border-radius: 4px; }}
.plots > .training {{ grid-column: 1 / -1; }}
@media (max-width: 899px) {{ .plots {{ grid-template-columns: minmax(0, 1fr); }} }}
table {{ border-collapse: collapse; margin-top: 16px; }}
th, td {{ padding: 3px 12px 3px 0; text-align: left; vertical-align: top; }}
</style>
</head>
<body>
<h1>{title}</h1>
<div class="plots">
{plots}
</div>
<table>
<thead><tr><th>setting</th><th>value</th><th>what it is</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>
</body>
</html>
"""


def standalone_html(view: LabView, title: str, settings: Settings | None = None) -> str:
    """One page with the three figures and the settings; plotly.js is in it.

    Args:
        view: What it shows.
        title: Of the page, plain text.
        settings: Those in the table, such as a recipe's with all changes; None: those of the view.

    Returns:
        HTML that needs no network.
    """
    figures = lab_figures(view.portrait)
    show_lab(figures, view, width=NARROW)
    plots = [
        f'<div class="{name}">{_plot(name, figure, with_script=name == "adaptation")}</div>'
        for name, figure in figures.items()
    ]
    return _PAGE.format(
        title=html.escape(title),
        ink=TEXT,
        paper=PAPER,
        dark=DARK_PAPER,
        plots="\n".join(plots),
        rows=_rows(settings or view.settings),
    )


def _plot(name: str, figure: go.Figure, *, with_script: bool) -> str:
    """A figure as HTML, with plotly.js for all or without it."""
    return str(
        figure.to_html(
            full_html=False,
            include_plotlyjs=with_script,
            div_id=f"maml-lab-{name}",
            config={**CONFIG, "responsive": True},
        )
    )


def _rows(settings: Settings) -> str:
    """A row of the table for each setting."""
    cells = [
        (name, getattr(settings, name), field.description)
        for name, field in type(settings).model_fields.items()
    ]
    return "\n".join(
        "<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) + "</tr>"
        for row in cells
    )
