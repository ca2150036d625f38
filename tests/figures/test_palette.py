"""Colours: enough contrast on white and on dark paper, and told apart by everyone."""

import itertools
import re
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from labkit.figures.lab import lab_figures
from labkit.figures.style.palette import (
    BEFORE,
    DARK,
    DARK_PAPER,
    GRID,
    LEAST_CONTRAST,
    LEAST_ROOM_CONTRAST,
    PAPER,
    ROOM,
    SUPPORT,
    TINTS,
    TRUTH,
    algorithm_color,
    contrast,
    step_colors,
    translucent,
)
from tests.figures.examples import full_view, shown_figures, tide_portrait

ALGORITHMS = ("maml", "anil", "reptile", "imaml", "proto_maml")
COLORS = [*(algorithm_color(name) for name in ALGORITHMS), algorithm_color("maml", 1)]


def test_step_colours_end_with_the_algorithms() -> None:
    assert translucent("#0072b2", 0.2) == "rgba(0,114,178,0.2)"
    for color in COLORS:
        assert len(set(step_colors(TINTS, color))) == TINTS
        assert step_colors(1, color) == [color]
        assert step_colors(2, color)[1] == color
    assert step_colors(0) == []


def test_order_matters_for_maml_only() -> None:
    assert algorithm_color("maml", 1) != algorithm_color("maml", 2)
    assert algorithm_color("anil", 1) == algorithm_color("anil", 2)
    with pytest.raises(ValueError, match=r"one of 'maml', 'anil', .*, got 'adam'"):
        algorithm_color("adam")


def hex_colors(value: object) -> Iterator[str]:
    yield from re.findall(r"#[0-9a-fA-F]{3,8}\b", str(value))


def test_every_colour_of_every_figure_stands_out_on_both_papers() -> None:
    used = set()
    for figure in [*shown_figures(full_view()).values(), *lab_figures(tide_portrait()).values()]:
        plain = figure.to_plotly_json()
        for trace in plain["data"]:
            trace.pop("source", None)
        used |= set(hex_colors(plain))
    assert len(used) > 10
    assert used <= DARK.keys()
    for color, on_dark in DARK.items():
        if color != GRID:
            assert contrast(color, PAPER) >= LEAST_CONTRAST, color
            assert contrast(on_dark, DARK_PAPER) >= LEAST_CONTRAST, on_dark


def test_every_colour_is_stronger_on_a_projector() -> None:
    assert ROOM.keys() == DARK.keys()
    assert contrast(ROOM[BEFORE], PAPER) > 6 > contrast(BEFORE, PAPER)
    for color, strong in ROOM.items():
        assert contrast(strong, PAPER) >= contrast(color, PAPER), color
        if color != GRID:
            assert contrast(strong, PAPER) >= LEAST_ROOM_CONTRAST, color


# Machado, Oliveira, Fernandes 2009: linear RGB as seen without one of the three cones
SIGHT = (
    np.eye(3),
    np.array([[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]),
    np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]),
    np.array([[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]]),
)
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def lab(color: str, sight: NDArray[np.float64]) -> NDArray[np.float64]:
    """CIELAB of a colour as it is seen."""
    srgb = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    x, y, z = XYZ @ np.clip(sight @ linear, 0, 1) / [0.9505, 1, 1.089]
    f = [np.cbrt(v) if v > 0.008856 else 7.787 * v + 16 / 116 for v in (x, y, z)]
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def distance(one: str, other: str) -> float:
    """For the sight that tells them apart least well."""
    return min(float(np.linalg.norm(lab(one, s) - lab(other, s))) for s in SIGHT)


def test_maml_and_first_order_are_told_apart_at_a_glance() -> None:
    exact, first_order = algorithm_color("maml", 2), algorithm_color("maml", 1)
    assert distance(exact, first_order) > 40
    assert distance(DARK[exact], DARK[first_order]) > 40
    assert distance(ROOM[exact], ROOM[first_order]) > 40


def test_what_needs_no_learning_and_what_has_not_learned_yet_have_lines_of_their_own() -> None:
    figure = shown_figures(full_view())["adaptation"]
    dashes = {trace.name: trace.line.dash for trace in figure.data}
    assert dashes["best constant"] != dashes["untrained"]


def test_colours_are_told_apart_with_any_colour_vision() -> None:
    light = [*COLORS, SUPPORT, BEFORE, TRUTH]
    for colors in (light, *([paper[color] for color in light] for paper in (DARK, ROOM))):
        for one, other in itertools.combinations(colors, 2):
            assert distance(one, other) > 11, (one, other)
