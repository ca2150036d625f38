"""The layout of the table that shows an image task."""

from dataclasses import dataclass

from labkit.tasks import ImagePortrait

MOST_CLASSES, MOST_SHOTS, MOST_STEPS = 8, 5, 6
"""Rows, support drawings of a row and columns of steps that the panel has room for."""

PANEL_WIDTH = 404.0
"""Of the panel in the narrowest figure; wider ones have more room."""

LOW, TALL, MOST_CLASSES_IN_LOW = 240.0, 330.0, 6
"""Heights of the panel, and rows up to which the lower one is enough."""

NAME, LINE, ONE_LINE, TWO_LINES = 86.0, 15.0, 46.0, 34.0
"""Pixels on the screen: width of a class's name, height of a line of text, and width of
"✓ 62 %" on one line and on two."""

HEADS = (44.0, 33.0)
"""Pixels on the screen for the heads "support" and "query"."""

SMALLEST, READABLE, LARGEST = 14, 24, 52
"""Side of a drawing's cell on the screen, pixels in a panel of that size; rather than below
`READABLE`, fewer steps are shown."""

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
        to_the_right: Whether that room is to the right.
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
    to_the_right: bool
    panel: tuple[float, float]

    @property
    def cell(self) -> int:
        """Side of a cell that holds one drawing."""
        return self.side + 2 * self.margin

    @property
    def tile(self) -> tuple[int, int]:
        """Width and height of a step's cell: a drawing and words."""
        width, height = self.word
        if self.to_the_right:
            return self.cell + width, max(self.cell, 2 * height)
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

    def middle(self, row: int) -> int:
        """Upper edge of a cell in the middle of a row's height."""
        return self.top(row) + (self.tile[1] - self.cell) // 2

    def drawing_at(self, row: int, column: int) -> tuple[int, int]:
        """Left and upper edge of the drawing in a step's cell."""
        left = self.step_left(column) + self.margin
        if self.to_the_right:
            return left, self.middle(row) + self.margin
        return left + (self.tile[0] - self.cell) // 2, self.top(row) + self.margin

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


def panel_height(classes: int) -> float:
    """Of a panel on the screen in which so many classes are readable, pixels."""
    return LOW if classes <= MOST_CLASSES_IN_LOW else TALL


def image_table(portrait: ImagePortrait) -> ImageTable:
    """The table that shows a portrait with the largest drawings that fit into the panel."""
    ways, shots, height, width = portrait.support.shape[:4]
    side = _scaled_side(max(height, width))
    rows, drawings = min(ways, MOST_CLASSES), min(shots, MOST_SHOTS)
    last = len(portrait.probabilities) - 1
    tables = (
        _table(side, on_screen, rows, drawings, steps_shown(last, most), to_the_right=to_the_right)
        for most, least in ((MOST_STEPS, READABLE), (MOST_STEPS - 2, SMALLEST))
        for on_screen in range(LARGEST, least - 1, -1)
        for to_the_right in (True, False)
    )
    smallest = _table(side, SMALLEST, rows, drawings, steps_shown(last, 2), to_the_right=False)
    return next((table for table in tables if table.fits), smallest)


def _table(
    side: int,
    on_screen: int,
    classes: int,
    shots: int,
    steps: tuple[int, ...],
    *,
    to_the_right: bool,
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
        word=(
            round((TWO_LINES if to_the_right else ONE_LINE) * per_pixel),
            round(LINE * per_pixel),
        ),
        to_the_right=to_the_right,
        panel=(PANEL_WIDTH * per_pixel, panel_height(classes) * per_pixel),
    )


def steps_shown(last: int, most: int) -> tuple[int, ...]:
    """Inner steps that have a column: all from 0 to the last, or evenly spaced ones with both.

    Example:
        >>> steps_shown(2, most=6), steps_shown(10, most=6)
        ((0, 1, 2), (0, 2, 4, 6, 8, 10))
    """
    count = min(last + 1, most)
    return tuple(round(last * i / max(count - 1, 1)) for i in range(count))


def _scaled_side(side: int) -> int:
    least, greatest = SIDES
    return min(side * max(1, least // side), greatest)
