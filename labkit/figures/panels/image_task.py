"""An image task: its classes, and what the model takes each query drawing for after each step."""

import html
import textwrap
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
from plotly.basedatatypes import BaseTraceType

from labkit.figures.panels.image_raster import Pixels, columns, guess, png_uri, table_raster
from labkit.figures.panels.image_table import MOST_STEPS, ImageTable, image_table, panel_height
from labkit.figures.style import SMALL, TEXT, TITLE_HEIGHT, Update
from labkit.tasks import ImagePortrait

_LETTERS, _LINES = 13, 2
_TABLE = 0
_COLUMNS = 1
_HEADS = _COLUMNS + MOST_STEPS
_WORDS = _HEADS + 2
_CELLS = _WORDS + MOST_STEPS
"""Where these stand among the traces: what is left of the steps, the columns of steps as images,
heads and names, the words in the columns, what the pointer tells."""

_MARGIN_LEFT, _MARGIN_TOP, _MARGIN_BOTTOM = 12, TITLE_HEIGHT + 20, 12

_ON_TILE = "rgb(27,27,27)"
"""Letters on a step's cell, whose background is light whatever the paper is."""


@dataclass(frozen=True, slots=True)
class ImagePanel:
    """A table: a row for each class, a column for each inner step."""

    portrait: ImagePortrait

    kind = "images"

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
        """Images, heads of columns, names of classes, words in cells, what the pointer tells."""
        words: dict[str, Any] = {
            "mode": "text",
            "hoverinfo": "skip",
            "cliponaxis": False,
            "showlegend": False,
        }
        font = {"size": SMALL, "color": TEXT}
        image = {"zsmooth": "fast", "hoverinfo": "skip"}
        return [
            go.Image(name="images", **image),
            *(go.Image(name=f"images {i}", visible=False, **image) for i in range(MOST_STEPS)),
            go.Scatter(name="heads", textposition="top center", textfont=font, **words),
            go.Scatter(name="names", textposition="middle right", textfont=font, **words),
            *(
                go.Scatter(
                    name=f"words {i}",
                    textposition="middle center",
                    textfont={"size": SMALL, "color": _ON_TILE},
                    visible=False,
                    **words,
                )
                for i in range(MOST_STEPS)
            ),
            go.Heatmap(
                name="cells",
                colorscale=[[0, "rgba(0,0,0,0)"], [1, "rgba(0,0,0,0)"]],
                showscale=False,
                showlegend=False,
                hovertemplate="%{text}<extra></extra>",
            ),
        ]

    def layout(self) -> dict[str, Any]:
        """Hidden axes of equal scale: drawings stay square in a panel of any width."""
        table = image_table(self.portrait)
        axis = {"visible": False, "fixedrange": True, "constrain": "domain"}
        return {
            "xaxis": {"constraintoward": "left", **axis},
            "yaxis": {"scaleanchor": "x", "constraintoward": "top", **axis},
            "height": panel_height(table.classes) + _MARGIN_TOP + _MARGIN_BOTTOM,
            "margin_l": _MARGIN_LEFT,
            "margin_t": _MARGIN_TOP,
            "margin_b": _MARGIN_BOTTOM,
            # one box for a whole column would describe every row at once
            "hovermode": "closest",
        }

    def updates(self) -> list[Update]:
        """The whole table: with the number of inner steps its columns change."""
        portrait, table = self.portrait, image_table(self.portrait)
        # a table that is as large as it may be leaves room at its end
        width, height = table.extent
        ranges = {"xaxis.range": [0, width], "yaxis.range": [height, 0]}
        left, *steps = columns(table_raster(portrait, table), table)
        return [
            Update(_TABLE, [{"source": png_uri(left), "x0": 0.5, "y0": 0.5}], ranges),
            Update(_COLUMNS, _filled(_columns(steps, table), _NO_COLUMN)),
            Update(_HEADS, [_heads(table), _names(portrait, table)]),
            Update(_WORDS, _filled(_words(portrait, table), _NO_WORDS)),
            Update(_CELLS, [_cells(portrait, table)]),
        ]


_NO_COLUMN: dict[str, Any] = {"source": None, "x0": 0.5, "y0": 0.5, "meta": {}, "visible": False}
_NO_WORDS: dict[str, Any] = {"x": [], "y": [], "text": [], "meta": {}, "visible": False}


def _filled(values: list[dict[str, Any]], unused: dict[str, Any]) -> list[dict[str, Any]]:
    """For all traces of steps, of which some may not be needed."""
    return values + [unused] * (MOST_STEPS - len(values))


def _columns(rasters: list[Pixels], table: ImageTable) -> list[dict[str, Any]]:
    return [
        {
            "source": png_uri(raster),
            "x0": table.step_left(column) + 0.5,
            "y0": 0.5,
            "meta": {"inner_step": table.steps[column]},
            "visible": True,
        }
        for column, raster in enumerate(rasters)
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


def _words(portrait: ImagePortrait, table: ImageTable) -> list[dict[str, Any]]:
    """Those of each column of steps."""
    width, height = table.tile
    rows, between = range(table.classes), "<br>" if table.to_the_right else " "
    aside, below = (table.cell, 0) if table.to_the_right else (0, table.cell)
    return [
        {
            "x": [table.step_left(column) + (aside + width) / 2] * table.classes,
            "y": [table.top(row) + (below + height) / 2 for row in rows],
            "text": [cell_words(guess(portrait, step, row), row, between) for row in rows],
            "meta": {"inner_step": step},
            "visible": True,
        }
        for column, step in enumerate(table.steps)
    ]


def cell_words(guessed: tuple[int, float] | None, row: int, between: str = " ") -> str:
    r"""The text in a step's cell, with a narrow space before the sign.

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
