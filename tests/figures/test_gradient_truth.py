"""The figure of gradient truth: every mark is a number of the probes, every word is so too."""

from dataclasses import replace
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
import torch

from labkit import GradientMonitor, GradientView, gradient_truth_figure
from labkit.figures import DARK, gradient_truth_words, tasks_beyond
from labkit.figures.instruments.gradient_truth import (
    ANGLE,
    ANGLE_ALPHA,
    CURVATURE,
    PATH,
    RATIO_STEPS,
)
from labkit.figures.instruments.grid import on
from tests.session.test_gradient_monitor import toy_session


@pytest.fixture(scope="module")
def view() -> GradientView:
    """Three tasks of two parameters over three meta-steps; α·λ is 0.56 · 4 at first, then 0.8."""
    session = toy_session("Coupled quadratics", inner_steps=2, alpha=0.56)
    monitor = GradientMonitor()
    for meta_step in (0, 1):
        session.run(meta_step)
        monitor.measure(session.snapshot())
    return monitor.view


def marks(figure: go.Figure, number: int, name: str) -> go.Scatter:
    axes = on(number)
    (trace,) = [
        t
        for t in figure.data
        if t.name == name and t.yaxis == axes["yaxis"] and (t.x is None or None not in t.x)
    ]
    return trace


def test_angles_lengths_and_curvatures_are_where_the_probes_say(view: GradientView) -> None:
    figure = gradient_truth_figure(view)
    for name in ("first order", "Reptile"):
        directions: list[Any] = [point.directions for point in view.points]
        dots, line = marks(figure, ANGLE, f"{name}, tasks"), marks(figure, ANGLE, name)
        each = torch.cat([d.angle("exact", name) for d in directions])
        np.testing.assert_allclose(dots.y, each)
        assert list(dots.x) == [0, 0, 0, 1, 1, 1]
        assert list(dots.text) == list(view.tasks) * 2
        np.testing.assert_allclose(line.y, [d.mean_angle("exact", name) for d in directions])
        assert view.sweep is not None
        line = marks(figure, ANGLE_ALPHA, name)
        swept: list[Any] = [point.directions for point in view.sweep.by_alpha]
        np.testing.assert_allclose(line.x, [0.56 * s for s in (0.1, 0.2, 0.5, 1, 2, 5, 10)])
        np.testing.assert_allclose(line.y, [d.mean_angle("exact", name) for d in swept])
        line = marks(figure, RATIO_STEPS, name)
        swept = [point.directions for point in view.sweep.by_steps]
        assert list(line.x) == [1, 2, 3, 4, 5]
        np.testing.assert_allclose(line.y, [d.mean_norm_ratio(name, "exact") for d in swept])
        theory = marks(figure, ANGLE, f"{name}, theory")
        np.testing.assert_allclose(theory.y, marks(figure, ANGLE, name).y, atol=1e-5)
    curvature: Any = view.points[-1].curvature
    dots = marks(figure, PATH, "tasks")
    np.testing.assert_allclose(dots.y, curvature.alpha_largest.T.flatten())
    assert list(dots.x) == [0, 0, 0, 1, 1, 1]
    np.testing.assert_allclose(marks(figure, CURVATURE, "median of the tasks").y, [2.24, 2.24])
    heights = [shape.y0 for shape in figure.layout.shapes if shape.yref == on(PATH)["yaxis"]]
    assert heights == [1.0, 2.0]


def test_tasks_beyond_2_are_named_and_spikes_stay_at_the_edge(view: GradientView) -> None:
    assert set(tasks_beyond(view)) == {"0°", "60°", "120°"}
    assert tasks_beyond(view, limit=2.3) == ()
    words = gradient_truth_words(view)
    assert words[1].startswith("α·λ > 2, a step diverges: ")
    point = view.points[-1]
    assert point.curvature is not None
    spike = point.curvature.alpha_lowest.new_tensor([[0.1, 0.1], [900.0, -3.0], [0.2, 0.2]])
    curvature = replace(point.curvature, alpha_lowest=spike, alpha_highest=spike)
    spiky = replace(view, points=(*[view.points[0]] * 60, replace(point, curvature=curvature)))
    figure = gradient_truth_figure(spiky)
    dots, (_, top) = marks(figure, PATH, "tasks"), figure.layout.yaxis8.range
    assert top < 5
    assert dots.y[1] == top
    assert (dots.marker.symbol[0], dots.marker.symbol[1]) == ("circle", "triangle-up")
    assert dots.text[1] == "60°: 900"
    assert tasks_beyond(spiky) == ("60°",)
    assert list(marks(figure, PATH, "tasks beyond 2").text) == ["60°"]


def test_words_tell_the_age_and_what_failed(view: GradientView) -> None:
    old = replace(view, meta_step=2001)
    assert gradient_truth_words(old)[0] == (
        "3 tasks · measured 2,000 meta-steps ago · against α and K 2,000 meta-steps ago"
    )
    assert gradient_truth_words(GradientView()) == ["not measured yet"]
    point = view.points[-1]
    assert point.directions is not None
    assert point.curvature is not None
    nan = torch.tensor([[0.1, 0.1], [torch.nan, torch.nan], [0.2, 0.2]])
    bad = replace(point, curvature=replace(point.curvature, alpha_lowest=nan, alpha_highest=nan))
    failed = replace(view, points=(bad,), problems=("1 of 3 tasks have diverged",))
    assert gradient_truth_words(failed)[1:] == [
        "α·λ is not finite on all inner paths",
        "1 of 3 tasks have diverged",
    ]
    none = replace(point, inner_steps=0, curvature=None)
    assert "K = 0" in gradient_truth_words(replace(view, points=(none,)))[1]


def test_an_empty_view_and_one_without_probes_can_be_drawn(view: GradientView) -> None:
    failed = replace(view.points[0], directions=None, curvature=None, theory=None)
    for other in (GradientView(), replace(view, points=(failed,), sweep=None)):
        figure = gradient_truth_figure(other)
        assert all(t.y is None or len(t.y) == 0 or set(t.y) == {None} for t in figure.data)


def test_plots_of_each_arrangement_do_not_overlap(view: GradientView) -> None:
    figure = gradient_truth_figure(view)
    widths = [arrangement["width"] for arrangement in figure.layout.meta["layouts"]]
    assert widths == [0, 700]
    for arrangement in figure.layout.meta["layouts"]:
        domains = arrangement["domains"]
        boxes = [
            (*domains[f"xaxis{s}"], *domains[f"yaxis{s}"]) for s in ("", *map(str, range(2, 9)))
        ]
        for index, (left, right, bottom, top) in enumerate(boxes):
            assert 0 <= left < right <= 1
            assert 0 <= bottom < top <= 1
            for other in boxes[:index]:
                apart = other[1] <= left or right <= other[0]
                assert apart or other[3] <= bottom or top <= other[2]


def test_every_colour_has_one_for_dark_paper(view: GradientView) -> None:
    figure = gradient_truth_figure(view)
    colors = {t.line.color or t.marker.color for t in figure.data if t.mode != "text"}
    assert {color.lower() for color in colors} <= {color.lower() for color in DARK}
