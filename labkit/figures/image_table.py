"""Where everything stands in the picture of an image task, and its drawings as one raster."""

import base64
import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from labkit.figures.palette import AFTER, GRID, SUPPORT, blend
from labkit.tasks.family import ImagePortrait

Pixels = NDArray[np.uint8]

MOST_CLASSES, MOST_SHOTS, MOST_STEPS = 8, 5, 6
"""Rows, support drawings of a row and columns of steps that the panel has room for."""

PANEL = (446.0, 240.0)
"""Width and height of the panel in a figure that is 960 pixels wide; wider ones have more room."""

NAME, LINE, ONE_LINE, TWO_LINES = 86.0, 15.0, 46.0, 36.0
"""Pixels on the screen: width of a class's name, height of a line of text, and width of
"✓ 62 %" on one line and on two."""

HEADS = (44.0, 34.0)
"""Pixels on the screen for the heads "support" and "query"."""

SMALLEST, LARGEST = 14, 52
"""Side of a drawing on the screen, pixels in a panel of that size."""

SIDES = (32, 64)
"""Least and greatest side of a drawing in the raster; smaller and larger ones are scaled."""


@dataclass(frozen=True, slots=True)
class ImageTable:
    """Rows of classes; columns for name, support, query and steps. All in pixels of the raster.

    Attributes:
        classes: Classes shown, from the first.
        shots: Support drawings shown of each class.
        steps: Inner steps shown.
        side: Width and height of a drawing's cell without its margin.
        margin: Between a drawing and its cell's edge.
        gap: Between cells.
        name: Width of the column of names.
        heads: Least widths of the columns of support and query drawings.
        word: Room for the words of a step's cell: to the right of the drawing, or beneath it.
        beside: Which of the two.
        panel: Width and height of the panel for which the table is made.
    """

    classes: int
    shots: int
    steps: tuple[int, ...]
    side: int
    margin: int
    gap: int
    name: int
    heads: tuple[int, int]
    word: tuple[int, int]
    beside: bool
    panel: tuple[float, float]

    @property
    def cell(self) -> int:
        """Side of a cell that holds one drawing."""
        return self.side + 2 * self.margin

    @property
    def tile(self) -> tuple[int, int]:
        """Width and height of a step's cell: a drawing and words."""
        width, height = self.word
        if self.beside:
            return self.cell + width, self.cell
        return max(self.cell, width), self.cell + height

    @property
    def support_width(self) -> int:
        """Width of the support drawings: one, or two rows of half the size."""
        return self.cell if self.shots == 1 else -(-self.shots // 2) * self.half

    @property
    def support_left(self) -> int:
        """Left edge of the support drawings, in the middle of their column."""
        return self.name + max(0, self.heads[0] - self.support_width) // 2

    @property
    def half(self) -> int:
        """Side of the cell of one support drawing among several."""
        return self.cell // 2

    @property
    def query_left(self) -> int:
        """Left edge of the query drawings, in the middle of their column."""
        left = self.name + max(self.heads[0], self.support_width) + self.gap
        return left + max(0, self.heads[1] - self.cell) // 2

    def step_left(self, column: int) -> int:
        """Left edge of a column of steps."""
        spare = max(0, self.heads[1] - self.cell) // 2
        left = self.query_left + self.cell + spare + 2 * self.gap
        return left + column * (self.tile[0] + self.gap)

    def top(self, row: int) -> int:
        """Upper edge of a row."""
        return row * (self.tile[1] + self.gap)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the whole."""
        return self.step_left(len(self.steps)), self.top(self.classes)

    @property
    def fits(self) -> bool:
        """Whether the panel has room for it."""
        return self.size[0] <= self.panel[0] and self.size[1] <= self.panel[1]

    @property
    def extent(self) -> tuple[float, float]:
        """Width and height that the axes show: no less of the panel than two thirds.

        A table of two classes would otherwise fill the panel with drawings far too large.
        """
        return max(self.size[0], 2 / 3 * self.panel[0]), max(self.size[1], 2 / 3 * self.panel[1])


def image_table(portrait: ImagePortrait) -> ImageTable:
    """The table that shows a portrait with the largest drawings that fit into `PANEL`."""
    ways, shots, height, width = portrait.support.shape[:4]
    side = _scaled_side(max(height, width))
    rows, drawings = min(ways, MOST_CLASSES), min(shots, MOST_SHOTS)
    steps = steps_shown(len(portrait.probabilities) - 1)
    tables = (
        _table(side, on_screen, rows, drawings, steps, beside=beside)
        for on_screen in range(LARGEST, SMALLEST, -1)
        for beside in (True, False)
    )
    smallest = _table(side, SMALLEST, rows, drawings, steps, beside=False)
    return next((table for table in tables if table.fits), smallest)


def _table(
    side: int, on_screen: int, classes: int, shots: int, steps: tuple[int, ...], *, beside: bool
) -> ImageTable:
    margin = side // 16
    per_pixel = (side + 2 * margin) / on_screen  # raster pixels in a pixel of the screen
    return ImageTable(
        classes=classes,
        shots=shots,
        steps=steps,
        side=side,
        margin=margin,
        gap=side // 10,
        name=round(NAME * per_pixel),
        heads=(round(HEADS[0] * per_pixel), round(HEADS[1] * per_pixel)),
        word=(round((TWO_LINES if beside else ONE_LINE) * per_pixel), round(LINE * per_pixel)),
        beside=beside,
        panel=(PANEL[0] * per_pixel, PANEL[1] * per_pixel),
    )


def steps_shown(last: int) -> tuple[int, ...]:
    """Inner steps that have a column: all from 0 to the last, or evenly spaced ones with both.

    Example:
        >>> steps_shown(2), steps_shown(10)
        ((0, 1, 2), (0, 2, 4, 6, 8, 10))
    """
    count = min(last + 1, MOST_STEPS)
    return tuple(round(last * i / max(count - 1, 1)) for i in range(count))


def guess(portrait: ImagePortrait, step: int, row: int) -> tuple[int, float] | None:
    """Class that the query drawing of a row is taken for, and its probability; None if diverged."""
    probabilities = portrait.probabilities[step, row]
    if not probabilities.isfinite().all():
        return None
    label = int(probabilities.argmax())
    return label, float(probabilities[label])


def tile_color(guessed: tuple[int, float] | None, row: int) -> str:
    """Background of a step's cell: blue if right, orange if wrong, deeper with the probability."""
    if guessed is None:
        return GRID
    label, probability = guessed
    return blend(AFTER if label == row else SUPPORT, 0.1 + 0.45 * probability)


def table_raster(portrait: ImagePortrait, table: ImageTable) -> Pixels:
    """All drawings and backgrounds, (height, width, 3)."""
    width, height = table.size
    canvas = np.full((height, width, 3), 255, np.uint8)
    for row in range(table.classes):
        top = table.top(row)
        _put_support(canvas, portrait, table, row)
        _frame(canvas, table.query_left, top, table.cell)
        query = drawing(portrait.query[row].numpy(), table.side)
        _put(canvas, query, table.query_left + table.margin, top + table.margin)
        for column, step in enumerate(table.steps):
            guessed = guess(portrait, step, row)
            left = table.step_left(column)
            tile_width, tile_height = table.tile
            color = tile_color(guessed, row)
            canvas[top : top + tile_height, left : left + tile_width] = _rgb(color)
            if guessed is not None:
                image = drawing(portrait.support[guessed[0], 0].numpy(), table.side)
                x, y = drawing_at(table, row, column)
                _put(canvas, image, x, y)
    return canvas


def drawing_at(table: ImageTable, row: int, column: int) -> tuple[int, int]:
    """Left and upper edge of the drawing in a step's cell."""
    spare = 0 if table.beside else (table.tile[0] - table.cell) // 2
    return table.step_left(column) + spare + table.margin, table.top(row) + table.margin


def drawing(image: Pixels, side: int) -> Pixels:
    """An image of any size and 1 or 3 channels in the middle of a white square, (side, side, 3)."""
    rgb = np.broadcast_to(image, (*image.shape[:2], 3))
    height, width = image.shape[:2]
    factor = side / max(height, width)
    if factor != 1:
        size = max(1, round(width * factor)), max(1, round(height * factor))
        how = Image.Resampling.NEAREST if factor.is_integer() else Image.Resampling.LANCZOS
        rgb = np.asarray(Image.fromarray(np.ascontiguousarray(rgb)).resize(size, how))
    square = np.full((side, side, 3), 255, np.uint8)
    _put(square, rgb, (side - rgb.shape[1]) // 2, (side - rgb.shape[0]) // 2)
    return square


def png_uri(raster: Pixels) -> str:
    """A raster as the address of a PNG that holds it."""
    stream = io.BytesIO()
    Image.fromarray(raster).save(stream, format="png")
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()


def _put_support(canvas: Pixels, portrait: ImagePortrait, table: ImageTable, row: int) -> None:
    if table.shots == 1:
        _frame(canvas, table.support_left, table.top(row), table.cell)
        image = drawing(portrait.support[row, 0].numpy(), table.side)
        _put(canvas, image, table.support_left + table.margin, table.top(row) + table.margin)
        return
    columns = -(-table.shots // 2)
    for shot in range(table.shots):
        left = table.support_left + shot % columns * table.half
        top = table.top(row) + shot // columns * table.half
        _frame(canvas, left, top, table.half)
        _put(
            canvas, drawing(portrait.support[row, shot].numpy(), table.half - 2), left + 1, top + 1
        )


def _scaled_side(side: int) -> int:
    least, greatest = SIDES
    return min(side * max(1, least // side), greatest)


def _frame(canvas: Pixels, left: int, top: int, side: int) -> None:
    canvas[top : top + side, left : left + side] = _rgb(GRID)
    canvas[top + 1 : top + side - 1, left + 1 : left + side - 1] = 255


def _put(canvas: Pixels, image: Pixels, left: int, top: int) -> None:
    canvas[top : top + image.shape[0], left : left + image.shape[1]] = image


def _rgb(color: str) -> tuple[int, ...]:
    return tuple(int(color[i : i + 2], 16) for i in (1, 3, 5))
