"""One figure of the three: everything of each panel, in its own place."""

import numpy as np
import plotly.graph_objects as go
import pytest
from plotly.subplots import make_subplots

from labkit.figures.combined import combined
from labkit.figures.lab import lab_figure, lab_figures
from tests.figures.examples import full_view, portrait, shown_figures, tide_portrait, trace


def span(figure: go.Figure, axis: str) -> tuple[float, float]:
    low, high = figure.layout[axis].domain
    return low, high


def test_nothing_is_lost() -> None:
    figures = shown_figures(full_view())
    whole = combined(figures)
    olds = [trace for figure in figures.values() for trace in figure.data]
    for old, new in zip(olds, whole.data, strict=True):
        assert (new.name, new.meta, new.visible) == (old.name, old.meta, old.visible)
        assert new.line == old.line
        assert new.text == old.text
        np.testing.assert_array_equal(new.x, old.x)
        np.testing.assert_array_equal(new.y, old.y)
    assert {a.text for a in whole.layout.annotations} == {
        figure.layout.title.text for figure in figures.values()
    }
    assert whole.layout.title.text is None
    assert whole.layout.uirevision == "lab"


def test_panels_do_not_overlap() -> None:
    whole = combined(shown_figures(full_view()))
    adaptation, task, training = ("xaxis", "xaxis2", "xaxis3")
    assert span(whole, adaptation)[1] < span(whole, task)[0]
    assert span(whole, training) == (0, 1)
    assert trace(whole, "Reptile").xaxis == "x"
    assert trace(whole, "true").xaxis == "x2"
    assert trace(whole, "after adaptation").xaxis == "x3"
    upper = [
        whole.layout["y" + trace(whole, n).yaxis.replace("y", "axis")] for n in ("Reptile", "true")
    ]
    lower = whole.layout["yaxis" + trace(whole, "after adaptation").yaxis[1:]]
    for axis in upper:
        assert axis.domain[1] == 1
        assert axis.domain[0] > lower.domain[1]
    assert lower.domain[0] == 0


def test_axes_refer_to_those_of_their_panel() -> None:
    whole = combined(shown_figures(full_view()))
    for name in ("changes", "K trained"):
        own = whole.layout["yaxis" + trace(whole, name).yaxis[1:]]
        beneath = {"changes": "after adaptation", "K trained": "Reptile"}[name]
        assert own.overlaying == trace(whole, beneath).yaxis
    used = {(each.xaxis, each.yaxis) for each in whole.data}
    for x, y in used:
        assert whole.layout["xaxis" + x[1:]].anchor in {pair[1] for pair in used}
        assert whole.layout["yaxis" + y[1:]].range is not None
    legends = {each.legend for each in whole.data}
    assert legends == {"legend", "legend2", "legend3", "legend4", "legend5"}
    assert whole.layout.legend4.x == pytest.approx(span(whole, "xaxis2")[0])


def test_a_map_keeps_its_place_beside_the_curves() -> None:
    figures = lab_figures(tide_portrait())
    whole = combined(figures)
    curves, place = span(whole, "xaxis2"), span(whole, "xaxis3")
    assert curves[1] < place[0] < place[1] == 1
    assert whole.layout.yaxis4.scaleanchor == "x3"
    assert trace(whole, "places").xaxis == "x3"
    (credit,) = (a for a in whole.layout.annotations if "NOAA" in a.text)
    assert credit.x == curves[0]
    # it has the room that the task's figure has for it
    plain = combined(lab_figures(portrait()))
    assert whole.layout.height - plain.layout.height == (
        figures["task"].layout.height - lab_figures(portrait())["task"].layout.height
    )


def test_pixels_between_panels_are_those_of_their_figures() -> None:
    figures = lab_figures(portrait())
    whole = combined(figures)
    margin = whole.layout.margin
    inner = whole.layout.height - margin.t - margin.b
    for name, axis in (("adaptation", "yaxis"), ("task", "yaxis3"), ("training", "yaxis4")):
        layout = figures[name].layout
        low, high = span(whole, axis)
        height = layout.height - layout.margin.t - layout.margin.b
        assert (high - low) * inner == pytest.approx(height)


def test_figures_of_any_axes_are_combined() -> None:
    task = make_subplots(rows=2, cols=2)
    for row in (1, 2):
        for column in (1, 2):
            task.add_scatter(x=[1], y=[row], name=f"{row}{column}", row=row, col=column)
    task.add_annotation(text="note", x=1, y=1, xref="x4", yref="y4")
    plain = lab_figures()
    task.update_layout(
        title=plain["task"].layout.title, height=330, legend=plain["task"].layout.legend
    )
    task.update_layout(margin=plain["task"].layout.margin)
    whole = combined({**plain, "task": task})
    x = {name: trace(whole, name).xaxis for name in ("11", "12", "21", "22")}
    assert len(set(x.values())) == 4
    assert span(whole, "xaxis" + x["11"][1:])[1] < span(whole, "xaxis" + x["12"][1:])[0]
    (note,) = (a for a in whole.layout.annotations if a.text == "note")
    assert note.xref == x["22"]


def test_other_figures_are_refused() -> None:
    with pytest.raises(ValueError, match="must be 'adaptation', 'task' and 'training', got task"):
        combined({"task": lab_figures()["task"]})


def test_the_figure_of_a_view_shows_it() -> None:
    whole = lab_figure(full_view())
    assert trace(whole, "Reptile").y.tolist() == [4.0, 2.0, 1.0]
    assert trace(whole, "step 10").visible is True
    assert type(whole) is go.Figure
