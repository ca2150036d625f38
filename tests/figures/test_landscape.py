"""The figure of the landscape: every mark is a number of the measurement, every word is so too."""

from dataclasses import replace
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
import torch

from labkit import LandscapeMonitor, LandscapeView, PlaneChoice, landscape_figure
from labkit.figures import DARK, landscape_words
from labkit.figures.instruments.grid import on
from labkit.figures.instruments.hatching import hatching
from labkit.figures.instruments.landscape_marks import AFTER_PLOT, BEFORE_PLOT, HALO, INK, TASK_INK
from labkit.figures.instruments.loss_colors import LossColors
from tests.session.small_sessions import SMALL, small_session
from tests.session.test_gradient_monitor import toy_session


def view_of(session: Any, **choice: Any) -> LandscapeView:
    monitor = LandscapeMonitor(PlaneChoice(points=9, tasks=2, **choice))
    monitor.measure(session.snapshot())
    return monitor.view


@pytest.fixture(scope="module")
def plane() -> LandscapeView:
    session = small_session(SMALL.changed(beta=0.01))
    session.run(20)
    return view_of(session)


@pytest.fixture(scope="module")
def line() -> LandscapeView:
    session = toy_session("Two rails")
    session.run(8)
    return view_of(session)


def marks(figure: go.Figure, name: str, number: int) -> Any:
    (trace,) = [
        t
        for t in figure.data
        if t.name == name and t.yaxis == on(number)["yaxis"] and (t.x is None or t.x[0] is not None)
    ]
    return trace


def test_a_plane_has_both_losses_in_one_scale_and_all_paths(plane: LandscapeView) -> None:
    figure, landscape = landscape_figure(plane), plane.landscape
    assert landscape is not None
    for number, name, losses in (
        (BEFORE_PLOT, "before", landscape.before),
        (AFTER_PLOT, "after", landscape.after),
    ):
        heat = marks(figure, f"loss {name} adaptation", number)
        np.testing.assert_allclose(heat.customdata, losses.mean(-1).T)
        np.testing.assert_allclose(heat.z, losses.mean(-1).T.log10())
        np.testing.assert_allclose(heat.x, landscape.grid[0])
        np.testing.assert_allclose(heat.y, landscape.grid[1])
        assert heat.coloraxis == "coloraxis"
        path = marks(figure, "θ's path", number)
        np.testing.assert_allclose(np.stack([path.x, path.y], 1), landscape.path)
        assert path.text[-1].startswith("θ of meta-step 20, ")
        assert path.text[0].endswith(f": {float(landscape.path_losses[0, number]):.4g}")
    steps = marks(figure, "inner steps", BEFORE_PLOT)
    corners = np.stack([steps.x, steps.y], 1).reshape(2, -1, 2)[:, :-1]
    np.testing.assert_allclose(corners, landscape.adaptation)
    exact, first = (marks(figure, f"{n} descent", AFTER_PLOT) for n in ("exact", "first-order"))
    arrows = [np.array([t.x[1] - t.x[0], t.y[1] - t.y[0]]) for t in (exact, first)]
    scale = np.linalg.norm(arrows[0]) / float(landscape.descent[2].norm())
    for arrow, order in zip(arrows, (2, 1), strict=True):
        np.testing.assert_allclose(arrow, scale * landscape.descent[order].numpy())
    assert exact.line.width > first.line.width  # the order of the session
    names = figure.layout.xaxis.title.text, figure.layout.yaxis.title.text
    for i, name in enumerate(names):
        share = landscape.shares[i]
        assert name == f"direction {i + 1} · {share:.0%} of θ's path"
    titles = [annotation.text for annotation in figure.layout.annotations]
    assert titles == ["<b>before adaptation</b>", "<b>after 1 inner step, α = 0.05</b>"]


def test_diverged_cells_are_hatched_and_have_no_colour(plane: LandscapeView) -> None:
    assert plane.landscape is not None
    after = plane.landscape.after.clone()
    after[2, 3] = torch.nan
    after[5, 7, 0] = 1e12
    view = replace(plane, landscape=replace(plane.landscape, after=after))
    figure = landscape_figure(view)
    hatched = marks(figure, "diverges", AFTER_PLOT)
    x, y = (axis.numpy() for axis in plane.landscape.grid)
    middles = np.nanmean(np.stack([hatched.x, hatched.y], 1).reshape(-1, 3, 2)[:, :2], axis=1)
    np.testing.assert_allclose(middles, [[x[2], y[3]], [x[5], y[7]]])
    colours = marks(figure, "loss after adaptation", AFTER_PLOT)
    assert np.isnan(colours.z[3, 2])
    assert np.isnan(colours.z[7, 5])
    assert np.isnan(colours.z).sum() == 2
    assert landscape_words(view)[1].endswith(" · 2% diverge")
    assert not hatching(x, y, np.zeros((9, 9), bool), 1, legend=True).showlegend


def test_a_line_has_curves_and_where_each_method_ends(line: LandscapeView) -> None:
    figure, landscape = landscape_figure(line), line.landscape
    assert landscape is not None
    for number, losses in ((BEFORE_PLOT, landscape.before), (AFTER_PLOT, landscape.after)):
        np.testing.assert_allclose(marks(figure, "mean loss", number).y, losses.mean(-1))
        np.testing.assert_allclose(marks(figure, "flat", number).y, losses[:, 0])
        end = marks(figure, "exact ends", number)
        assert end.x[0] == pytest.approx(0.2)
        assert end.y[0] == pytest.approx(float(landscape.fixed_points[0].loss[number]))
    assert landscape.theory is not None
    np.testing.assert_allclose(marks(figure, "closed form", AFTER_PLOT).y, landscape.theory)
    assert figure.layout.yaxis.range == figure.layout.yaxis2.range
    assert figure.layout.xaxis.title.text == "θ · 100% of θ's path"
    assert "closed form within " in landscape_words(line)[1]
    dark = {color.lower() for color in DARK}
    traces = [t for t in figure.data if t.mode]
    assert {(t.line.color or t.marker.color).lower() for t in traces} <= dark


def test_fixed_points_that_no_beta_reaches_are_open(line: LandscapeView) -> None:
    assert line.landscape is not None
    first, *rest = line.landscape.fixed_points
    points = (replace(first, reachable=False), *rest)
    figure = landscape_figure(replace(line, landscape=replace(line.landscape, fixed_points=points)))
    end = marks(figure, "exact ends", AFTER_PLOT)
    assert end.marker.symbol == "star-open"
    assert "reached with no β" in end.hovertemplate


def test_words_tell_how_old_it_is_and_what_is_lowest(plane: LandscapeView) -> None:
    assert plane.landscape is not None
    words = landscape_words(replace(plane, meta_step=1220))
    assert words[0] == ("2 tasks · θ of meta-step 20, measured 1,200 meta-steps ago · 9 × 9 points")
    loss, low = (
        plane.landscape.loss,
        [part.mean(-1).min() for part in (plane.landscape.before, plane.landscape.after)],
    )
    assert words[1] == (
        f"loss at θ {loss[0]:.3g}, after adaptation {loss[1]:.3g} · lowest here {low[0]:.3g} and "
        f"{low[1]:.3g}"
    )
    assert landscape_words(LandscapeView()) == ["not measured yet"]
    assert not landscape_figure(LandscapeView()).data


@pytest.mark.parametrize(
    ("losses", "ticks"),
    [
        ([2.6, 4.9], ["3", "3.5", "4", "4.5"]),
        ([0.01, 50.0], ["0.01", "0.03", "0.1", "0.3", "1", "3", "10", "30"]),
        ([1e-3, 1e12], ["0.001", "0.1", "10", "1e3", "1e5", "1e7", "1e9", "1e11"]),
        ([-3.0, 2.0], ["-3", "-2", "-1", "0", "1", "2"]),
        ([1.0, 1.0], None),
        ([], None),
    ],
    ids=["narrow", "decades", "many decades", "below zero", "one loss", "none"],
)
def test_the_scale_has_a_few_round_numbers(losses: list[float], ticks: list[str] | None) -> None:
    values = np.array(losses)
    axis = LossColors([np.quantile(values, np.linspace(0, 1, 4001)) if losses else values]).axis
    bar: Any = axis["colorbar"]
    assert 2 <= len(bar["ticktext"]) <= 9
    if ticks is not None and losses[0] != 1e-3:
        assert set(bar["ticktext"]) <= set(ticks)


def test_colours_on_the_plane_are_the_same_on_any_paper() -> None:
    assert not {color.lower() for color in (INK, HALO, TASK_INK)} & {c.lower() for c in DARK}
