"""The adaptation panel's ghosts, baseline, cursor and colours."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from labkit.figures.panels.adaptation import (
    AdaptationPanel,
    adaptation_figure,
    adaptation_top,
    show_adaptation,
)
from labkit.figures.panels.ghosts import GhostCurve
from labkit.figures.panels.training import training_figure
from labkit.figures.style.frame import show_cursor
from labkit.figures.style.palette import AFTER, algorithm_color, translucent, weakest
from labkit.training.evaluation import MetricCurve
from tests.figures.examples import curve, trace

RED, GREEN = algorithm_color("proto_maml"), algorithm_color("reptile")


def panel(*ghosts: GhostCurve, **properties: object) -> AdaptationPanel:  # type: ignore[type-arg]
    plain = AdaptationPanel(curve(4.0, 2.0, 1.0), curve(4.0, 4.0, 4.0), 1, ghosts=ghosts)
    return replace(plain, **properties)  # type: ignore[arg-type]


def test_ghosts_are_drawn_in_their_colours_and_told_apart() -> None:
    figure = adaptation_figure()
    first, second = GhostCurve("one", GREEN, curve(3.0, 2.0)), GhostCurve("a<b", GREEN, curve(2.0))
    count = len(figure.data)
    show_adaptation(figure, panel(first, GhostCurve("red", RED, curve(1.0)), second))
    one, red, other = (trace(figure, name) for name in ("one", "red", "a&lt;b"))
    assert one.y.tolist() == [3.0, 2.0]
    assert one.x.tolist() == [0, 1]
    assert (one.line.color, red.line.color, other.line.color) == (GREEN, RED, GREEN)
    assert one.line.dash == red.line.dash != other.line.dash
    assert one.marker.symbol == red.marker.symbol != other.marker.symbol
    unused = [each for each in figure.data if each.name == ""]
    assert [each.visible for each in unused] == [False] * 4  # three ghosts, and the baseline
    show_adaptation(figure, panel(first))
    assert len(figure.data) == count
    assert "red" not in {each.name for each in figure.data if each.visible}


def test_names_of_ghosts_have_rows_below_the_axis() -> None:
    figure = adaptation_figure()
    empty = figure.layout.margin.b

    def rooms(name: str) -> list[float]:
        rooms = []
        for count in (0, 1, 2, 3, 6):
            ghosts = [GhostCurve(name, GREEN, curve(1.0))] * count
            show_adaptation(figure, panel(*ghosts))
            rooms.append(figure.layout.margin.b - empty)
        return rooms

    def legends(name: str) -> list[str]:
        return [each.legend for each in figure.data if each.name == name]

    row = rooms("w" * 24)[1]
    assert row > 11
    assert rooms("w" * 24) == [0, row, row, 2 * row, 3 * row]
    assert legends("w" * 24) == ["legend2", "legend3"] * 3
    # a name that has no room next to another one has its own row, and is not cut
    assert rooms("w" * 25) == [0, row, 2 * row, 3 * row, 6 * row]
    assert legends("w" * 25) == ["legend2"] * 6


def test_the_longest_name_keeps_its_number_of_meta_steps() -> None:
    figure = adaptation_figure()
    label = "first-order MAML, α per tensor · 1,200"
    show_adaptation(figure, panel(GhostCurve(label, GREEN, curve(1.0))))
    assert trace(figure, label).visible
    show_adaptation(figure, panel(GhostCurve("w" * 60 + " · 1,200", GREEN, curve(1.0))))
    (name,) = (each.name for each in figure.data if each.name.endswith("1,200"))
    assert name == "w" * 41 + "… · 1,200"


def test_the_axis_has_room_for_ghosts_and_baseline() -> None:
    assert adaptation_top(panel()) == 5.0
    assert adaptation_top(panel(GhostCurve("high", RED, curve(2.0, 5.0)))) == 6.0
    # one that diverges does not push the others out of sight
    assert adaptation_top(panel(GhostCurve("wild", RED, curve(2.0, 1e9)))) == 5.0
    assert adaptation_top(panel(baseline=(7.0, "constant"))) == 9.0
    # and the live curve's course leaves it as it is
    assert adaptation_top(panel(curve=curve(4.0, 100.0, 1.0))) == 5.0


def test_too_many_ghosts_and_a_measure_that_one_lacks_are_refused() -> None:
    ghost = GhostCurve("old", RED, curve(1.0))
    with pytest.raises(ValueError, match="at most 6 kept runs, got 7"):
        panel(*[ghost] * 7)
    rates = torch.tensor([0.2, 0.5, 0.6])
    accuracy = MetricCurve(mean=rates, ci95=rates, median=rates)
    measured = replace(curve(4.0, 2.0, 1.0), metrics={"accuracy": accuracy})
    with pytest.raises(
        ValueError, match=r"'old' does not have the measure 'accuracy', only 'loss'"
    ):
        panel(ghost, curve=measured, untrained=measured)
    assert panel(ghost, curve=measured, untrained=measured, measure="loss").shown == "loss"


def test_a_baseline_is_a_named_line_across() -> None:
    figure = adaptation_figure()
    assert trace(figure, "baseline").visible is False
    show_adaptation(figure, panel(baseline=(0.2, "guessing")))
    line = trace(figure, "guessing")
    assert line.visible is True
    assert line.line.dash == "solid"
    assert line.y.tolist() == [0.2] * 3
    show_adaptation(figure, panel())
    assert "guessing" not in {each.name for each in figure.data}


def test_the_live_curve_has_the_colour_and_name_of_its_algorithm() -> None:
    figure = adaptation_figure()
    assert trace(figure, "mean").line.color == AFTER
    show_adaptation(figure, panel(label="Reptile", color=GREEN))
    assert trace(figure, "Reptile").line.color == GREEN
    assert trace(figure, "median").line.color == weakest(GREEN)
    assert trace(figure, "95 % interval").fillcolor == translucent(GREEN, 0.18)


@pytest.mark.parametrize(("trained", "side"), [(0, "right"), (1, "right"), (2, "left")])
def test_the_trained_number_of_steps_is_named_beside_its_line(trained: int, side: str) -> None:
    figure = adaptation_figure()
    show_adaptation(figure, panel(inner_steps=trained))
    line = trace(figure, "K trained")
    assert line.x.tolist() == [trained] * 2
    assert line.text[1].strip() == f"K = {trained}"
    assert line.textposition == f"bottom {side}"


def test_the_cursor_spans_the_panel_wherever_it_is() -> None:
    for figure in (adaptation_figure(), training_figure()):
        (cursor,) = (each for each in figure.data if (each.meta or {}).get("cursor"))
        assert figure.layout.yaxis2.range == (0, 1)
        assert figure.layout.yaxis2.overlaying == "y"
        show_cursor(figure, 2.0)
        assert (cursor.x, cursor.y, cursor.yaxis) == ((2.0, 2.0), (0, 1), "y2")
        show_cursor(figure, None)
        assert cursor.x == (None, None)


def test_the_cursor_stays_where_it_is_while_curves_change() -> None:
    figure = adaptation_figure()
    show_cursor(figure, 1.0)
    show_adaptation(figure, panel())
    assert figure.data[0].x == (1.0, 1.0)
    np.testing.assert_array_equal(trace(figure, "mean").y, [4.0, 2.0, 1.0])
