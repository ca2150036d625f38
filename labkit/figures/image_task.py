"""An image task: its classes, and what the model takes each query drawing for after each step."""

import html
import textwrap
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
from plotly.basedatatypes import BaseTraceType

from labkit.figures.image_raster import guess, png_uri, table_raster
from labkit.figures.image_table import ImageTable, image_table
from labkit.figures.palette import TRUTH
from labkit.figures.task_panel import Update
from labkit.tasks.family import ImagePortrait

_LETTERS, _LINES = 13, 2
_RASTER, _WORDS, _CELLS = 0, 1, 4
"""Where the raster, the three traces of words and the cells under the pointer stand."""


@dataclass(frozen=True, slots=True)
class ImagePanel:
    """A table: a row for each class, a column for each inner step."""

    portrait: ImagePortrait

    kind = "images"
    extra_height = 60

    @property
    def title(self) -> str:
        """What the table leaves out."""
        table = image_table(self.portrait)
        ways, shots = self.portrait.support.shape[:2]
        notes = [f"{table.classes} of {ways} classes"] if ways > table.classes else []
        if shots > table.shots:
            notes.append(f"{table.shots} of {shots} support images")
        return ", ".join(notes)

    @property
    def attribution(self) -> str:
        """Whose images these are."""
        return self.portrait.attribution

    def traces(self) -> list[BaseTraceType]:
        """Raster, heads of columns, names of classes, words in cells, what the pointer tells."""
        axes = {"xaxis": "x2", "yaxis": "y2", "showlegend": False}
        words: dict[str, Any] = {"mode": "text", "hoverinfo": "skip", "cliponaxis": False, **axes}
        return [
            go.Image(
                name="images",
                zsmooth="fast",
                hoverinfo="skip",
                **{"xaxis": "x2", "yaxis": "y2"},
            ),
            go.Scatter(name="heads", textposition="top center", textfont={"size": 11}, **words),
            go.Scatter(name="names", textposition="middle right", textfont={"size": 10.5}, **words),
            go.Scatter(
                name="words",
                textposition="middle center",
                textfont={"size": 10, "color": TRUTH},
                **words,
            ),
            go.Heatmap(
                name="cells",
                colorscale=[[0, "rgba(0,0,0,0)"], [1, "rgba(0,0,0,0)"]],
                showscale=False,
                hovertemplate="%{text}<extra></extra>",
                **axes,
            ),
        ]

    def layout(self) -> dict[str, Any]:
        """Hidden axes of equal scale, so that drawings stay square in a panel of any width."""
        axis = {"visible": False, "fixedrange": True, "constrain": "domain"}
        return {
            "xaxis2": {"domain": [0.5, 1.0], "constraintoward": "left", **axis},
            "yaxis2": {"scaleanchor": "x2", "constraintoward": "top", **axis},
            # a box for all that stands above one another would tell of every row at once
            "hovermode": "closest",
        }

    def updates(self) -> list[Update]:
        """The whole table: with the number of inner steps its columns change."""
        portrait, table = self.portrait, image_table(self.portrait)
        # a table that is as large as it may be leaves room at its end
        width, height = table.extent
        ranges = {"xaxis2.range": [0, width], "yaxis2.range": [height, 0]}
        raster = {"source": png_uri(table_raster(portrait, table)), "x0": 0.5, "y0": 0.5}
        return [
            Update(_RASTER, [raster], ranges),
            Update(_WORDS, [_heads(table), _names(portrait, table), _words(portrait, table)]),
            Update(_CELLS, [_cells(portrait, table)]),
        ]


def _heads(table: ImageTable) -> dict[str, Any]:
    middle = table.tile[0] / 2
    heads = [
        (table.support_left + table.support_width / 2, "support"),
        (table.query_left + table.cell / 2, "query"),
        *((table.step_left(i) + middle, f"step {step}") for i, step in enumerate(table.steps)),
    ]
    return {"x": [x for x, _ in heads], "y": [0] * len(heads), "text": [text for _, text in heads]}


def _names(portrait: ImagePortrait, table: ImageTable) -> dict[str, Any]:
    rows = range(table.classes)
    return {
        "x": [0] * table.classes,
        "y": [table.top(row) + table.tile[1] / 2 for row in rows],
        "text": [short_name(portrait.names[row]) for row in rows],
    }


def _words(portrait: ImagePortrait, table: ImageTable) -> dict[str, Any]:
    x, y, text = [], [], []
    width, height = table.tile
    for row in range(table.classes):
        for column, step in enumerate(table.steps):
            left, top = table.step_left(column), table.top(row)
            x.append(left + (table.cell + width) / 2 if table.beside else left + width / 2)
            y.append(top + height / 2 if table.beside else top + (table.cell + height) / 2)
            text.append(cell_words(guess(portrait, step, row), row, "<br>" * table.beside or " "))
    return {"x": x, "y": y, "text": text}


def cell_words(guessed: tuple[int, float] | None, row: int, between: str = " ") -> str:
    r"""What stands in a step's cell, with a narrow space before the sign.

    Example:
        >>> cell_words((2, 0.618), row=2)
        '<b>✓</b> 62\u202f%'
        >>> cell_words((1, 0.4), row=2), cell_words(None, row=2)
        ('✗ 40\u202f%', 'nan')
    """
    if guessed is None:
        return "nan"
    label, probability = guessed
    mark = "<b>✓</b>" if label == row else "✗"
    return f"{mark}{between}{100 * probability:.0f}\u202f%"


def short_name(name: str) -> str:
    """A class's name on two short lines; "…" where it is longer.

    Example:
        >>> short_name("waxing-crescent-moon")
        'waxing-<br>crescent-moon'
    """
    lines = textwrap.wrap(
        name.replace("/", "/ ").replace("_", " "), _LETTERS, max_lines=_LINES, placeholder="…"
    )
    return "<br>".join(html.escape(line, quote=False) for line in lines)


def _cells(portrait: ImagePortrait, table: ImageTable) -> dict[str, Any]:
    """Cells for the pointer: edges, and the text of each, row by row."""
    lefts = [table.step_left(i) for i in range(len(table.steps) + 1)]
    names = [html.escape(name, quote=False) for name in portrait.names]
    text = [
        [
            f"support: {names[row]}",
            f"query: {names[row]}",
            *(_told(portrait, names, step, row) for step in table.steps),
        ]
        for row in range(table.classes)
    ]
    return {
        "x": [table.name, table.query_left, *lefts],
        "y": [table.top(row) for row in range(table.classes + 1)],
        "z": [[0] * len(line) for line in text],
        "text": text,
    }


def _told(portrait: ImagePortrait, names: list[str], step: int, row: int) -> str:
    guessed = guess(portrait, step, row)
    head = f"step {step}, query: {names[row]}<br>"
    if guessed is None:
        return f"{head}the model has diverged"
    label, probability = guessed
    if label == row:
        return f"{head}✓ {probability:.1%}"
    right = float(portrait.probabilities[step, row, row])
    return f"{head}✗ taken for {names[label]}: {probability:.1%}<br>{names[row]}: {right:.1%}"
