"""The figures of maps: every mark is a number of the view, and what is said in words is so."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
import torch

from labkit import (
    BestCell,
    MapGrid,
    MapView,
    Settings,
    SurfaceView,
    hyperparameter_map_figure,
    steps_surface_figure,
)
from labkit.figures import (
    hyperparameter_map_notes,
    hyperparameter_map_words,
    steps_surface_words,
)
from labkit.figures.instruments.cells import put_cell

GRID = MapGrid.of(Settings(inner_steps=2), {"alpha": [0.01, 0.1, 1.0], "beta": [0.001, 0.01]})
CURVES = torch.rand(2, 3, 2, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def view_of(**changes: Any) -> MapView:
    """Losses after two steps from 0.1 to 0.6; the last cell diverges with its second seed."""
    curves = CURVES.clone()
    curves[..., 2] = torch.arange(1.0, 7.0, dtype=torch.float64).reshape(2, 3, 1) / 10
    curves[1, 2, 1] = torch.nan
    view = MapView(
        grid=GRID,
        seeds=(0, 1),
        meta_step=30,
        meta_steps=100,
        curves=curves,
        measured=torch.ones(2, 3, 2, dtype=torch.bool),
        untrained=2.0,
        best=BestCell(0, 0, 0.1, 0.2, 0.05, 5),
        judging=False,
        progress=0.3,
    )
    return replace(view, **changes)


def trace(figure: go.Figure, name: str) -> Any:
    return next(t for t in figure.data if t.name == name)


def shown(figure: go.Figure, part: str) -> Any:
    return next(t for t in figure.data if (t.meta or {}).get("cell") == part)


def test_cells_have_the_losses_of_the_view() -> None:
    view = view_of()
    figure = hyperparameter_map_figure(view)
    cells = trace(figure, "cells")
    expected = view.loss.numpy()
    assert [*map(list, cells.text)] == [["0.1", "0.2", "0.3"], ["0.4", "0.5", ""]]
    np.testing.assert_allclose(cells.z[expected < 9], np.log10(expected[expected < 9]))
    assert math.isnan(cells.z[1][2])
    assert cells.zmax == pytest.approx(math.log10(2.0))
    assert cells.customdata[0][1] == "α = 0.1, β = 0.001<br>0.2, by seed: 0.2, 0.2"
    assert cells.customdata[1][2] == "α = 1, β = 0.01<br>diverged with 1 of 2 seeds"
    hatched = trace(figure, "diverged")
    assert (min(x for x in hatched.x if x), max(x for x in hatched.x if x)) == (1.5, 2.5)
    assert [y for y in hatched.y if y is not None][:2] == [0.5, 0.5]
    star = trace(figure, "best")
    assert (round(star.x[0]), round(star.y[0])) == (0, 0)
    judged = trace(figure, "best, on new seeds")
    assert ([*judged.x], [*judged.y], [*judged.error_y.array]) == ([2], [0.2], [0.05])


def test_the_curve_is_that_of_the_cell_that_is_shown() -> None:
    view = view_of()
    figure = hyperparameter_map_figure(view)
    for row, column in ((0, 0), (1, 1)):
        put_cell(figure, row * 3 + column)
        mean, half = (values.numpy() for values in view.curve(row, column))
        np.testing.assert_allclose(shown(figure, "mean").y, mean)
        upper = np.minimum(mean + half, 100 * 20.0)
        np.testing.assert_allclose(shown(figure, "interval").y[:5], upper)
        x, y = shown(figure, "outline").x, shown(figure, "outline").y
        assert (sum(set(x)) / 2, sum(set(y)) / 2) == (column, row)
        assert figure.layout.annotations[0].text == view.grid.title(row, column)
    assert figure.layout.meta["cells"]["columns"] == 3


def test_words_of_a_map() -> None:
    assert hyperparameter_map_words(view_of()) == [
        "2 × 3 cells, 2 seeds · meta-step 30 of 100 · 1 diverged",
        "Best: α = 0.01, β = 0.001 with 0.1; on 5 new seeds 0.2 ± 0.05. On the edge: α = 0.01 is "
        "the smallest and β = 0.001 is the smallest that was tried",
    ]
    grid = MapGrid.of(Settings(), {"alpha": [0.01, 0.1, 1.0], "order": [1, 2]})
    words = hyperparameter_map_words(view_of(grid=grid, best=BestCell(0, 1, 0.1), judging=True))
    assert words[1] == "Best: α = 0.1, order = 1 with 0.1, now trained with new seeds"
    measured = torch.ones(2, 3, 2, dtype=torch.bool)
    measured[1, 1, 1] = False
    missing = view_of(measured=measured, best=None)
    assert hyperparameter_map_words(missing)[0].endswith("1 diverged · 1 still to come")
    nothing = view_of(measured=torch.zeros_like(measured), best=None, untrained=0.0)
    assert hyperparameter_map_words(nothing) == [
        "2 × 3 cells × 2 seeds, 100 meta-steps each: not measured yet"
    ]
    assert trace(hyperparameter_map_figure(nothing), "cells").customdata[0][0].endswith("yet")
    lost = view_of(curves=torch.full((2, 3, 2, 5), torch.nan, dtype=torch.float64), best=None)
    assert hyperparameter_map_words(lost)[1].startswith("all cells have diverged")
    assert "best" not in {t.name for t in hyperparameter_map_figure(lost).data}


def test_notes_on_many_cells_and_on_no_step() -> None:
    values = [i / 100 for i in range(1, 21)]
    many = MapGrid.of(Settings(inner_steps=0), {"alpha": values, "beta": values})
    notes = hyperparameter_map_notes(view_of(grid=many))
    assert notes[0].startswith("400 cells × 2 seeds are 800 learners")
    assert notes[1] == "K = 0: without an inner step α has no effect."
    assert hyperparameter_map_notes(view_of()) == []


def surface_view() -> SurfaceView:
    curves = torch.rand(2, 2, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    curves[0, :, 4] = 50.0
    curves[:, :, 1] = torch.tensor([[0.3, 0.3], [0.5, 0.5]])
    return SurfaceView(
        settings=Settings(),
        trained=(1, 3),
        seeds=(0, 1),
        meta_step=10,
        meta_steps=10,
        curves=curves,
        measured=torch.ones(2, 2, dtype=torch.bool),
        baselines={"random θ": curves[0] + 1, "joint training": curves[1] + 2},
        untrained=2.0,
        progress=1.0,
    )


def test_a_surface_has_the_losses_of_the_view() -> None:
    view = surface_view()
    figure = steps_surface_figure(view)
    cells, losses = trace(figure, "cells"), view.loss.numpy()
    assert [*cells.text[0]] == [f"{loss:.3g}" for loss in losses[0, :4]] + [""]
    assert cells.customdata[0][4] == "trained K = 1, tested with 4 steps<br>diverged"
    assert ([*trace(figure, "as many as trained").x], trace(figure, "diverged").x[0]) == (
        [1, 3],
        3.5,
    )
    put_cell(figure, 1)
    np.testing.assert_allclose(shown(figure, "mean").y, np.minimum(view.curve(0)[0].numpy(), 2000))
    assert figure.layout.annotations[0].text == "trained K = 1, tested with 1 step"
    np.testing.assert_allclose(trace(figure, "random θ").y, view.baseline("random θ"))
    assert steps_surface_words(view) == [
        "trained K = 1, 3, 2 seeds · meta-step 10 of 10",
        f"Lowest: after 1 step K = 1 with 0.3, after 4 steps K = 3 with {losses[1, 4]:.3g}",
    ]
