"""The figure of a comparison: a colour and symbol for each group, and nothing beyond drawing."""

import numpy as np
import pytest

from labkit.figures.comparison import ComparedGroup, comparison_figure


def group(i: int, mean: tuple[float, ...] = (4.0, 2.0, 1.0), ci95: float = 0.5) -> ComparedGroup:
    return ComparedGroup(f"alpha={i}", np.array(mean), np.full(len(mean), ci95), mean[-1], ci95)


def test_twelve_groups_are_told_apart() -> None:
    figure = comparison_figure([group(i) for i in range(12)], metric="query_loss_after")
    curves = [t for t in figure.data if t.mode == "lines+markers"]
    values = [t for t in figure.data if t.mode == "markers"]
    looks = [(t.marker.color, t.marker.symbol) for t in curves]
    assert len(set(looks)) == 12
    assert [(t.marker.color, t.marker.symbol) for t in values] == looks
    assert [t.y[0] for t in values] == list(range(12))
    assert figure.layout.yaxis2.ticktext == tuple(f"alpha={i}" for i in range(12))
    below, above = figure.layout.yaxis2.range
    assert below > 11
    assert above < 0


def test_curves_and_intervals() -> None:
    wide = group(1, ci95=1.5)
    curve, value = comparison_figure([wide], metric="query_loss_after").data
    assert curve.y.tolist() == [4.0, 2.0, 1.0]
    assert curve.error_y.array.tolist() == [1.5, 1.5, 1.5]
    assert curve.error_y.arrayminus.tolist() == [1.5, 1.5, 1.0], "a loss is not below 0"
    assert (value.x[0], value.error_x.array[0]) == (1.0, 1.5)


def test_intervals_of_six_groups_have_six_colours_and_do_not_cover_one_another() -> None:
    figure = comparison_figure([group(1) for _ in range(6)], metric="query_loss_after")
    curves = [t for t in figure.data if t.mode == "lines+markers"]
    assert len({t.error_y.color for t in curves}) == 6
    assert [t.error_y.color for t in curves] == [t.line.color for t in curves]
    places = np.stack([t.x for t in curves])
    assert (np.diff(places, axis=0) > 0.05).all()
    assert (np.abs(places - np.arange(3)) < 0.5).all(), "nearest to their own inner step"


def test_the_axis_holds_the_intervals_and_no_more() -> None:
    near = comparison_figure([group(1, (4.0, 3.9, 3.8))], metric="query_loss_after")
    low, high = near.layout.yaxis.range
    assert 3.0 < low < 3.3
    assert 4.5 < high < 5.1
    wide = comparison_figure([group(1, (4.0, 0.2))], metric="query_loss_after")
    assert wide.layout.yaxis.range[0] == 0


def test_an_accuracy_that_rises_is_on_the_axis() -> None:
    rising = comparison_figure(
        [group(1, (0.2, 0.9), 0.01)], metric="accuracy_after", measure="accuracy"
    )
    assert rising.layout.yaxis.range[1] > 0.91


def test_without_interval_and_diverged() -> None:
    far = group(1, (4.0, 1e200, float("nan")), float("nan"))
    curve, value = comparison_figure([far], metric="query_loss_after").data
    assert curve.error_y.array.tolist() == [0.0, 0.0, 0.0]
    assert curve.y[1] < 1e4
    assert value.x[0] is None
    assert value.error_x.array[0] == 0.0


def test_too_many_groups() -> None:
    with pytest.raises(ValueError, match="1 to 12 groups, got 13"):
        comparison_figure([group(i) for i in range(13)], metric="x")
