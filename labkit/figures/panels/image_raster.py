"""The drawings and backgrounds of the table that shows an image task, as one raster."""

import base64
import io
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from labkit.figures.panels.image_table import ImageTable
from labkit.figures.style import AFTER, GRID, SUPPORT, blend
from labkit.tasks import ImagePortrait

Pixels = NDArray[np.uint8]


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
    """All drawings and backgrounds, (height, width, 4); what is between them is transparent."""
    width, height = table.size
    canvas = np.full((height, width, 4), (255, 255, 255, 0), np.uint8)
    for row in range(table.classes):
        top, middle = table.top(row), table.middle(row)
        _put_support(canvas, portrait, table, row)
        _frame(canvas, table.query_left, middle, table.cell)
        query = drawing(portrait.query[row].numpy(), table.side)
        _put(canvas, query, table.query_left + table.margin, middle + table.margin)
        for column, step in enumerate(table.steps):
            guessed = guess(portrait, step, row)
            left = table.step_left(column)
            tile_width, tile_height = table.tile
            color = tile_color(guessed, row)
            canvas[top : top + tile_height, left : left + tile_width] = _rgba(color)
            if guessed is not None:
                image = drawing(portrait.support[guessed[0], 0].numpy(), table.side)
                x, y = table.drawing_at(row, column)
                _put(canvas, image, x, y)
    return canvas


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


def columns(raster: Pixels, table: ImageTable) -> list[Pixels]:
    """The raster in pieces: what is left of the inner steps, and the column of each."""
    edges = [0, *(table.step_left(i) for i in range(len(table.steps))), raster.shape[1]]
    return [raster[:, left:right] for left, right in pairwise(edges)]


def png_uri(raster: Pixels) -> str:
    """A raster as the address of a PNG that holds it."""
    stream = io.BytesIO()
    Image.fromarray(raster).save(stream, format="png")
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()


def _put_support(canvas: Pixels, portrait: ImagePortrait, table: ImageTable, row: int) -> None:
    if table.shots == 1:
        _frame(canvas, table.support_left, table.middle(row), table.cell)
        image = drawing(portrait.support[row, 0].numpy(), table.side)
        _put(canvas, image, table.support_left + table.margin, table.middle(row) + table.margin)
        return
    columns = -(-table.shots // 2)
    for shot in range(table.shots):
        left = table.support_left + shot % columns * table.half
        top = table.middle(row) + shot // columns * table.half
        _frame(canvas, left, top, table.half)
        _put(
            canvas, drawing(portrait.support[row, shot].numpy(), table.half - 2), left + 1, top + 1
        )


def _frame(canvas: Pixels, left: int, top: int, side: int) -> None:
    canvas[top : top + side, left : left + side] = _rgba(GRID)
    canvas[top + 1 : top + side - 1, left + 1 : left + side - 1] = 255


def _put(canvas: Pixels, image: Pixels, left: int, top: int) -> None:
    canvas[top : top + image.shape[0], left : left + image.shape[1], :3] = image


def _rgba(color: str) -> tuple[int, ...]:
    return (*(int(color[i : i + 2], 16) for i in (1, 3, 5)), 255)
