"""A grid of hyper-parameters: two of them along its axes, the others as in a session."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, final

import numpy as np

from labkit.session.settings import ParameterError, Settings, unused

AXES = ("alpha", "beta", "inner_steps", "order")
"""Settings that a grid may vary."""

SYMBOLS = {"alpha": "α", "beta": "β", "inner_steps": "K", "order": "order"}

SERIES = (1, 2, 5)
VALUES = 8
"""Values on an axis, unless somebody says which: of the series 1, 2, 5, around the session's."""

MANY_CELLS = 256
"""Cells from which on the map says that they take long."""


@final
@dataclass(frozen=True, slots=True)
class MapGrid:
    """Two hyper-parameters with their values.

    Attributes:
        settings: All others; without scheduled changes, and with a fixed α.
        names: Of the x axis and the y axis: two of "alpha", "beta", "inner_steps", "order".
        values: Of each, ascending.

    Example:
        >>> grid = MapGrid.of(Settings(seed=3), {"alpha": [0.1, 0.01], "inner_steps": [1, 2, 3]})
        >>> grid.shape, grid.names
        ((3, 2), ('alpha', 'inner_steps'))
        >>> grid.cell(2, 0).inner_steps, grid.title(2, 0)
        (3, 'α = 0.01, K = 3')
    """

    settings: Settings
    names: tuple[str, str]
    values: tuple[tuple[float, ...], tuple[float, ...]]

    @classmethod
    def of(cls, settings: Settings, axes: Mapping[str, Sequence[float]] | None = None) -> Self:
        """Check a grid.

        Args:
            settings: Of a session.
            axes: Name → values, for two names: the x axis, then the y axis. None: α and β, eight
                values each around those of the settings.

        Raises:
            ValueError: There are not two axes, or an axis has fewer than two values, a value that
                is not allowed, or no effect; or α is to be learned.
        """
        if settings.alpha_learned != "no" and "alpha" in unused(settings):
            raise ParameterError(
                f"alpha_learned = {settings.alpha_learned!r}: the learners of a map have fixed "
                "alphas; set alpha_learned to 'no'"
            )
        settings = settings.changed(events=(), alpha_learned="no")
        if axes is None:
            axes = {"alpha": around(settings.alpha or 0.01), "beta": around(settings.beta or 0.001)}
        if not isinstance(axes, Mapping) or len(axes) != 2 or not set(axes) <= set(AXES):
            raise ParameterError(
                f"grid must have the values of two of {', '.join(AXES)}, such as "
                f"{{'alpha': [0.01, 0.1], 'inner_steps': [1, 5]}}, got {axes!r}"
            )
        x, y = (_checked(settings, name, values) for name, values in axes.items())
        first, second = axes
        return cls(settings, (first, second), (x, y))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows (values on the y axis) and columns."""
        return len(self.values[1]), len(self.values[0])

    def cell(self, row: int, column: int, seed: int | None = None) -> Settings:
        """The settings of a cell."""
        x, y = self.values[0][column], self.values[1][row]
        seed = self.settings.seed if seed is None else seed
        return self.settings.changed(**{self.names[0]: x, self.names[1]: y, "seed": seed})

    def inner_steps(self, row: int, column: int) -> int:
        """K of a cell."""
        return int(self._value("inner_steps", row, column))

    def kind(self, row: int, column: int) -> tuple[float, float]:
        """K and order: cells that share them are trained side by side."""
        return self.inner_steps(row, column), self._value("order", row, column)

    def _value(self, name: str, row: int, column: int) -> float:
        values = dict(zip(self.names, (self.values[0][column], self.values[1][row]), strict=True))
        return float(values.get(name, getattr(self.settings, name)))

    def title(self, row: int, column: int) -> str:
        """What sets a cell apart, in words."""
        pairs = zip(self.names, (self.values[0][column], self.values[1][row]), strict=True)
        return ", ".join(f"{SYMBOLS[name]} = {value:g}" for name, value in pairs)

    def edges(self, row: int, column: int) -> tuple[str, ...]:
        """Where a cell lies on the edge of what could be tried, in words; () inside.

        Example:
            >>> grid = MapGrid.of(Settings(), {"alpha": [0.01, 0.1, 1], "inner_steps": [0, 1, 2]})
            >>> grid.edges(0, 2), grid.edges(1, 1)
            (('α = 1 is the largest',), ())
        """
        words = []
        for name, values, at in zip(self.names, self.values, (column, row), strict=True):
            last = len(values) - 1
            lower_ends = name == "inner_steps" and values[0] == 0
            if name == "order" or 0 < at < last or (at == 0 and lower_ends):
                continue
            end = "smallest" if at == 0 else "largest"
            words.append(f"{SYMBOLS[name]} = {values[at]:g} is the {end}")
        return tuple(words)


def around(value: float, count: int = VALUES) -> list[float]:
    """Values of the series 1, 2, 5 around one that is among them, ascending.

    Args:
        value: > 0.
        count: How many.

    Example:
        >>> around(0.01, 4), around(0.015, 3)
        ([0.002, 0.005, 0.01, 0.02], [0.01, 0.015, 0.05])
    """

    def entry(number: int) -> float:
        power, place = divmod(number, len(SERIES))
        return float(f"{SERIES[place]}e{power}")

    start = math.floor(math.log10(value)) * len(SERIES)
    near = min(range(start, start + 4), key=lambda n: abs(math.log(entry(n) / value)))
    numbers = range(near - count // 2, near - count // 2 + count)
    return [value if number == near else entry(number) for number in numbers]


def _checked(settings: Settings, name: str, values: Any) -> tuple[float, ...]:
    """The values of an axis, ascending.

    Raises:
        ParameterError: See `MapGrid.of`.
    """
    words = unused(settings).get(name)
    if words is not None and settings.inner_steps:
        raise ParameterError(f"grid: {name} is {words}")
    values = values.tolist() if isinstance(values, np.ndarray) else values
    if isinstance(values, str) or not isinstance(values, Sequence) or len(set(values)) < 2:
        raise ParameterError(f"grid: {name} needs at least two different values, got {values!r}")
    if len(set(values)) < len(values):
        raise ParameterError(f"grid: {name} has a value twice: {values!r}")
    return tuple(sorted(getattr(settings.changed(**{name: value}), name) for value in values))
