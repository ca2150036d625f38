"""The table of an image task: which drawing is where, on which colour, with which words."""

import base64
import io
from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from labkit.figures.panels.image_raster import (
    columns,
    drawing,
    guess,
    png_uri,
    table_raster,
    tile_color,
)
from labkit.figures.panels.image_table import PANEL_WIDTH, image_table, panel_height
from labkit.figures.panels.image_task import ImagePanel, short_name
from labkit.figures.panels.task_figure import show_task, task_figure
from labkit.figures.style.frame import NARROW
from labkit.figures.style.palette import AFTER, GRID, SUPPORT, blend
from labkit.tasks.family import ImagePortrait


def portrait(ways: int = 5, shots: int = 1, steps: int = 1, side: int = 32) -> ImagePortrait:
    """Drawings of noise; before, everything is taken for class 0, later for itself, with 60 %."""
    generator = torch.Generator().manual_seed(ways)
    pixels = torch.randint(
        256, (ways, shots + 1, side, side, 3), generator=generator, dtype=torch.uint8
    )
    rest = 0.4 / (ways - 1)
    before = torch.full((ways, ways), rest, dtype=torch.float64)
    before[:, 0] = 0.6
    after = torch.full((ways, ways), rest, dtype=torch.float64).fill_diagonal_(0.6)
    return ImagePortrait(
        support=pixels[:, :shots],
        query=pixels[:, shots],
        names=tuple(f"class-{i}" for i in range(ways)),
        probabilities=torch.stack([before] + [after] * steps),
    )


def channels(color: str) -> list[int]:
    return [int(color[i : i + 2], 16) for i in (1, 3, 5)]


def part(raster: NDArray[np.uint8], at: tuple[int, int], side: int) -> NDArray[np.uint8]:
    left, top = at
    assert (raster[top : top + side, left : left + side, 3] == 255).all()
    return raster[top : top + side, left : left + side, :3]


def test_a_cell_shows_the_support_drawing_of_what_the_query_is_taken_for() -> None:
    one = portrait(steps=2)
    table = image_table(one)
    raster = table_raster(one, table)
    assert raster.shape == (table.size[1], table.size[0], 4)
    for row in range(5):
        for column, taken_for in ((0, 0), (1, row), (2, row)):
            drawing = part(raster, table.drawing_at(row, column), 32)
            np.testing.assert_array_equal(drawing, one.support[taken_for, 0].numpy())
        x, y = table.support_left + table.margin, table.middle(row) + table.margin
        np.testing.assert_array_equal(part(raster, (x, y), 32), one.support[row, 0].numpy())
        x = table.query_left + table.margin
        np.testing.assert_array_equal(part(raster, (x, y), 32), one.query[row].numpy())


def test_colours_tell_right_from_wrong_and_how_sure() -> None:
    one = portrait()
    table = image_table(one)
    raster = table_raster(one, table)

    def corner(row: int, column: int) -> list[int]:
        color: list[int] = raster[table.top(row), table.step_left(column), :3].tolist()
        return color

    assert corner(0, 0) == corner(3, 1) == channels(blend(AFTER, 0.1 + 0.45 * 0.6))
    assert corner(3, 0) == channels(blend(SUPPORT, 0.1 + 0.45 * 0.6))
    unsure, sure = (channels(tile_color((2, p), row=2)) for p in (0.3, 0.9))
    assert sum(sure) < sum(unsure)
    assert blend(AFTER, 0) == "#ffffff"
    assert blend(AFTER, 1) == AFTER.lower()


def test_words_say_the_same_without_colour() -> None:
    figure = task_figure(portrait())
    show_task(figure, portrait())
    by_name = {trace.name: trace for trace in figure.data}
    right, wrong = "<b>✓</b> 60\u202f%", "✗ 60\u202f%"
    for column, expected in enumerate(([right] + 4 * [wrong], 5 * [right])):
        words = by_name[f"words {column}"]
        assert [text.replace("<br>", " ") for text in words.text] == expected
        assert words.meta == by_name[f"images {column}"].meta == {"inner_step": column}
        assert words.visible is by_name[f"images {column}"].visible is True
    assert by_name["words 2"].visible is by_name["images 2"].visible is False
    assert list(by_name["heads"].text) == ["support", "query", "step 0", "step 1"]
    assert list(by_name["names"].text) == [f"class-{i}" for i in range(5)]
    # under the pointer: full names, and the probability of the right class
    cells = by_name["cells"]
    assert cells.text[3][0] == "support: class-3"
    assert cells.text[3][2] == (
        "step 0, query: class-3<br>✗ taken for class-0: 60.0%<br>class-3: 10.0%"
    )
    assert cells.text[3][3] == "step 1, query: class-3<br>✓ 60.0%"
    assert len(cells.x) == len(cells.text[0]) + 1
    assert len(cells.y) == len(cells.text) + 1


def test_a_model_that_diverged_takes_them_for_nothing() -> None:
    one = portrait(steps=2)
    one.probabilities[1, 2, 4] = torch.nan
    one.probabilities[2] = torch.nan
    assert guess(one, 1, 2) is None
    assert guess(one, 1, 1) == (1, 0.6)
    table = image_table(one)
    grey = part(table_raster(one, table), table.drawing_at(2, 1), 32)
    assert (grey == channels(GRID)).all()
    figure = task_figure(one)
    show_task(figure, one)
    by_name = {trace.name: trace for trace in figure.data}
    words = [by_name[f"words {step}"].text[2] for step in range(3)]
    assert [word == "nan" for word in words] == [False, True, True]


@pytest.mark.parametrize("ways", [2, 5, 7, 20])
@pytest.mark.parametrize("shots", [1, 5, 10])
@pytest.mark.parametrize("steps", [0, 1, 3, 5, 10])
def test_the_table_fits_and_is_readable(ways: int, shots: int, steps: int) -> None:
    one = portrait(ways, shots, steps)
    table = image_table(one)
    assert table.fits
    assert table.cell * PANEL_WIDTH / table.panel[0] >= 24
    # two lines of a name
    assert table.tile[1] * PANEL_WIDTH / table.panel[0] >= 29.5
    assert table.classes == min(ways, 8)
    assert table.shots == min(shots, 5)
    assert (table.steps[0], table.steps[-1]) == (0, steps)
    assert len(table.steps) >= min(steps + 1, 4)
    assert len(table.steps) <= 6
    left_out = [f"8 of {ways} classes"] * (ways > 8)
    left_out += [f"5 of {shots} support images"] * (shots > 5)
    assert ImagePanel(one).title == ", ".join(left_out)
    # nothing overlaps
    assert table.support_left + table.support_width <= table.query_left
    assert table.query_left + table.cell <= table.step_left(0)
    raster = table_raster(one, table)
    for shot in range(table.shots if table.shots > 1 else 0):
        small = drawing(one.support[1, shot].numpy(), table.half - 2)
        columns = -(-table.shots // 2)
        x = table.support_left + shot % columns * table.half + 1
        y = table.middle(1) + shot // columns * table.half + 1
        np.testing.assert_array_equal(part(raster, (x, y), table.half - 2), small)


def test_drawings_of_any_size_stay_undistorted() -> None:
    wide = np.full((10, 40, 1), 7, np.uint8)
    square = drawing(wide, 64)
    assert square.shape == (64, 64, 3)
    assert (square[24:40] == 7).all()
    assert (square[:24] == 255).all()
    assert (square[40:] == 255).all()
    assert image_table(portrait(side=8)).side == 32  # each pixel is a square of 4×4
    assert image_table(portrait(side=28)).side == 28
    assert image_table(portrait(side=84)).side == 64
    checks = np.arange(64, dtype=np.uint8).reshape(8, 8, 1)
    np.testing.assert_array_equal(drawing(checks, 32)[::4, ::4], np.repeat(checks, 3, axis=2))
    table_raster(portrait(side=84), image_table(portrait(side=84)))


def test_png_holds_the_raster() -> None:
    raster = portrait().support[0, 0].numpy()
    head, data = png_uri(raster).split(",")
    assert head == "data:image/png;base64"
    np.testing.assert_array_equal(
        np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))), raster
    )


@pytest.mark.parametrize("kind", [go.Figure, go.FigureWidget])
def test_the_figure_is_updated_in_place(kind: type[go.Figure]) -> None:
    first, later = portrait(), portrait(steps=4)
    later = replace(later, query=255 - later.query)
    figure = task_figure(first)
    show_task(figure, first)
    figure = kind(figure)
    names = [trace.name for trace in figure.data]
    image = next(trace for trace in figure.data if trace.name == "images")
    source, extent = image.source, figure.layout.xaxis.range
    show_task(figure, later)
    assert [trace.name for trace in figure.data] == names
    table = image_table(later)
    left, *steps = columns(table_raster(later, table), table)
    assert image.source == png_uri(left)
    assert image.source != source
    (last,) = (trace for trace in figure.data if trace.name == f"images {len(steps) - 1}")
    assert last.source == png_uri(steps[-1])
    assert last.x0 == table.step_left(len(steps) - 1) + 0.5
    assert last.meta == {"inner_step": 4}
    assert figure.layout.xaxis.range != extent
    assert figure.layout.xaxis.range == (0, table.extent[0])
    heads = next(trace for trace in figure.data if trace.name == "heads")
    assert heads.text[-1] == "step 4"


@pytest.mark.parametrize("ways", [2, 5, 8, 20])
def test_drawings_stay_square_in_a_panel_of_any_width(ways: int) -> None:
    layout = task_figure(portrait(ways)).layout
    assert layout.yaxis.scaleanchor == "x"
    assert layout.xaxis.constrain == layout.yaxis.constrain == "domain"
    # the room for which tables are made is there in the narrowest figure
    assert layout.margin.l + PANEL_WIDTH + layout.margin.r <= NARROW
    assert layout.margin.t + panel_height(min(ways, 8)) + layout.margin.b == layout.height


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("zebra", "zebra"),
        ("Balinese/character01", "Balinese/<br>character01"),
        ("smiling-face-with-open-hands", "smiling-face-<br>with-open-…"),
        ("a<b & c", "a&lt;b &amp; c"),
    ],
)
def test_names_are_short(name: str, short: str) -> None:
    assert short_name(name) == short
