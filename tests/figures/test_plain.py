"""Figures that plotly alone displays."""

import json
import re
from typing import Any

import numpy as np
import pytest

from labkit.figures import plain as module
from labkit.figures.plain import MIME, PlainFigure
from labkit.figures.style.palette import (
    ANY_PAPER,
    DARK,
    DARK_PAPER,
    GRID,
    LEAST_CONTRAST,
    PAPER,
    TEXT,
    algorithm_color,
    contrast,
)
from tests.figures.examples import full_view, shown_figures
from tests.figures.test_palette import ALGORITHMS, distance


def test_every_colour_stands_out_on_both_papers() -> None:
    assert ANY_PAPER.keys() == DARK.keys()
    for light, color in ANY_PAPER.items():
        if light != GRID:
            assert contrast(color, PAPER) >= LEAST_CONTRAST, light
            assert contrast(color, DARK_PAPER) >= LEAST_CONTRAST, light


def test_letters_have_more_contrast_than_lines_need() -> None:
    assert min(contrast(ANY_PAPER[TEXT], paper) for paper in (PAPER, DARK_PAPER)) > 4


def test_algorithms_are_told_apart_there() -> None:
    colors = [ANY_PAPER[algorithm_color(name)] for name in ALGORITHMS]
    colors.append(ANY_PAPER[algorithm_color("maml", 1)])
    apart = [distance(one, other) for i, one in enumerate(colors) for other in colors[:i]]
    assert min(apart) > 9


def test_a_plain_figure_has_no_paper_of_its_own_and_none_of_the_colours_for_one() -> None:
    for figure in shown_figures(full_view()).values():
        plain = PlainFigure.of(figure)
        assert plain.layout.paper_bgcolor == plain.layout.plot_bgcolor == "rgba(0,0,0,0)"
        text = str(plain.to_json())
        used = {color.lower() for color in re.findall(r"#[0-9a-fA-F]{6}\b", text)}
        assert used <= set(ANY_PAPER.values())
        assert not re.search(r"rgba\(0,114,178", text), "bands too"
        for trace, described in zip(plain.data, figure.data, strict=True):
            for axis in ("x", "y"):
                np.testing.assert_array_equal(trace[axis], described[axis])


def test_nothing_in_it_uploads_the_chart(monkeypatch: pytest.MonkeyPatch) -> None:
    displayed: list[dict[str, Any]] = []
    monkeypatch.setattr(module, "display", lambda bundle, **_: displayed.append(bundle))
    PlainFigure.of(shown_figures(full_view())["training"])._ipython_display_()
    (bundle,) = displayed
    assert bundle[MIME]["config"]["showSendToCloud"] is False
    assert json.dumps({"showSendToCloud": False})[1:-1] in bundle["text/html"]
    assert bundle.keys() == {MIME, "text/html", "text/plain"}


def test_a_page_that_stores_the_picture_gets_no_web_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """An export would prefer that, which needs the network."""
    monkeypatch.setattr(module, "asking_cell", lambda: "a cell")
    bundle = PlainFigure.of(shown_figures(full_view())["training"]).bundle("a loss")
    assert bundle.keys() == {MIME, "text/plain"}
