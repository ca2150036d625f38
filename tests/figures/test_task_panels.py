"""The task panel for each kind of portrait: titles, axes, the map, whose data it shows."""

from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest
import torch

from labkit import TIDES_ATTRIBUTION, Portrait, TaskLocation, Tides, tide_table
from labkit.figures.panels.task_figure import show_task, task_figure
from labkit.figures.style.frame import PANEL_HEIGHT
from labkit.figures.style.palette import algorithm_color, step_colors
from labkit.tasks.family import AnyPortrait
from labkit.tasks.tides.tide_stations import tide_places


def curves(**properties: object) -> Portrait:
    x = torch.linspace(-1, 1, 5, dtype=torch.float64)
    plain = Portrait(x=x, truth=x, predictions=x.expand(2, 5), support_x=x[:2], support_y=x[:2])
    return replace(plain, **properties)  # type: ignore[arg-type]


def tide(seed: int) -> Portrait:
    task = Tides().sample(1, torch.Generator().manual_seed(seed))
    return Tides().portrait(task, [torch.zeros_like] * 2)


def drawn(portrait: AnyPortrait) -> go.Figure:
    figure = task_figure(portrait)
    show_task(figure, portrait)
    return figure


def trace(figure: go.Figure, name: str) -> go.Scatter:
    (result,) = (trace for trace in figure.data if trace.name == name)
    return result


def test_without_a_portrait_the_panel_says_so() -> None:
    figure = task_figure()
    assert trace(figure, "nothing").text == ("This task family does not draw its tasks.",)
    assert figure.layout.xaxis.visible is figure.layout.yaxis.visible is False
    assert figure.layout.height == PANEL_HEIGHT


def test_a_plain_task_has_plain_axes() -> None:
    figure = drawn(curves())
    assert figure.layout.xaxis.title.text == "x"
    assert figure.layout.yaxis.title.text == "y"
    assert figure.layout.title.text == "<b>One held-out task</b>"
    assert not figure.layout.annotations
    assert figure.layout.height == PANEL_HEIGHT
    assert "xaxis2" not in figure.layout


def test_title_and_axes_of_a_task() -> None:
    figure = drawn(curves(title="pool <3> & sea", x_label="hours", y_label="feet"))
    assert figure.layout.title.text == "<b>One held-out task</b> · pool &lt;3&gt; &amp; sea"
    assert figure.layout.xaxis.title.text == "hours"
    assert figure.layout.yaxis.title.text == "feet"
    long = drawn(curves(title="a long, " * 20))
    assert (
        long.layout.title.text
        == "<b>One held-out task</b> · a long, a long, a long, a long, a long …"
    )
    wide = drawn(curves(title="w" * 99)).layout.title.text
    assert wide == "<b>One held-out task</b> · " + "w" * (56 - len("One held-out task")) + " …"


def test_another_heading_leaves_less_room_for_the_task() -> None:
    figure = task_figure(curves())
    heading = "training task 3 of 25 · inner step 1 of 5"
    show_task(figure, curves(title="pool of the king, island"), heading)
    assert figure.layout.title.text == f"<b>{heading}</b> · pool of the kin …"


def test_what_belongs_to_an_inner_step_says_so() -> None:
    x = torch.linspace(-1, 1, 5, dtype=torch.float64)
    figure = drawn(curves(predictions=x.expand(21, 5)))
    steps = [(t.meta or {}).get("inner_step") for t in figure.data if t.visible is not False]
    assert steps == [None, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, None]
    assert trace(figure, "step 6").meta == {"inner_step": 6}
    assert trace(figure, "support").meta == {"support": True}
    show_task(figure, curves(predictions=x.expand(3, 5)))
    assert trace(figure, "step 2").meta == {"inner_step": 2}
    assert [t.meta for t in figure.data if t.visible is False] == [{}] * 8


def test_the_model_has_the_colour_of_its_algorithm() -> None:
    figure = task_figure(curves())
    x = torch.linspace(-1, 1, 5, dtype=torch.float64)
    color = algorithm_color("reptile")
    show_task(figure, curves(predictions=x.expand(4, 5)), color=color)
    colors = [trace(figure, f"step {step}").line.color for step in (1, 2, 3)]
    assert colors == step_colors(3, color)
    assert colors[-1] == color


def test_only_support_points_on_the_plane_are_editable() -> None:
    assert task_figure(curves(), editable=True).layout.meta["editable"] is True
    assert task_figure(curves()).layout.meta["editable"] is False
    assert task_figure(tide(0), editable=True).layout.meta["editable"] is True
    with pytest.raises(ValueError, match="editable=True is for regression tasks"):
        task_figure(editable=True)


def test_a_task_without_a_true_function() -> None:
    for none in (torch.empty(0), torch.tensor(0.0)):
        figure = drawn(curves(truth=none))
        assert len(trace(figure, "true").y) == 0
        assert trace(figure, "true").showlegend is False
        assert trace(figure, "before").y.size == 5
        assert figure.layout.yaxis.range[1] == pytest.approx(1.55)
    assert trace(drawn(curves()), "true").showlegend is True


def test_the_map_has_all_stations_on_an_unbroken_scale() -> None:
    portrait = tide(0)
    figure = drawn(portrait)
    places, place = trace(figure, "places"), trace(figure, "place")
    assert len(places.x) == len(tide_table().stations) == 1080
    assert places.x.max() < -60
    assert places.x.min() > -230
    assert portrait.place is not None
    assert (place.x, place.y) == ((portrait.place.longitude,), (portrait.place.latitude,))
    assert place.text[0].replace("<br>", " ") == portrait.title
    (west, east), (south, north) = figure.layout.xaxis2.range, figure.layout.yaxis2.range
    assert ((west < places.x) & (places.x < east)).all()
    assert ((south < places.y) & (places.y < north)).all()


def test_the_map_stands_beside_the_curves() -> None:
    figure = drawn(tide(0))
    layout = figure.layout
    for each in (trace(figure, "places"), trace(figure, "place")):
        assert (each.xaxis, each.yaxis) == ("x2", "y2")
    assert trace(figure, "before").xaxis is None
    assert layout.xaxis.domain[1] < layout.xaxis2.domain[0]
    assert layout.xaxis2.domain[1] == 1
    assert layout.yaxis2.scaleanchor == "x2"
    # a degree of longitude is cos φ of a degree of latitude, φ = 28.5° in the middle
    assert layout.yaxis2.scaleratio == pytest.approx(1 / np.cos(np.radians(28.54)), rel=1e-3)
    # the curves are not tied to them
    assert layout.xaxis.scaleanchor is layout.yaxis.scaleanchor is None


def test_the_stations_of_the_far_west_are_not_torn_off() -> None:
    longitudes = torch.tensor([station.longitude for station in tide_table().stations])
    scale = tide_places()[:, 0].float()
    assert ((longitudes - scale) % 360 == 0).all()
    assert (longitudes > 0).any()
    assert (scale[longitudes > 0] < -180).all()


def test_whose_data_it_is_stands_in_the_figure() -> None:
    figure = drawn(tide(0))
    (credit,) = (a for a in figure.layout.annotations if "NOAA" in a.text)
    assert credit.text.replace("<br>", " ") == TIDES_ATTRIBUTION
    assert "NOT FOR NAVIGATION" in credit.text
    # room for it below, and none taken from the panels
    plain = drawn(curves()).layout
    assert figure.layout.height - figure.layout.margin.b == plain.height - plain.margin.b
    assert figure.layout.margin.b > 50
    many = drawn(curves(attribution="word " * 100))
    assert many.layout.margin.b > figure.layout.margin.b + 20


@pytest.mark.parametrize("kind", [go.Figure, go.FigureWidget])
def test_the_figure_is_updated_in_place(kind: type[go.Figure]) -> None:
    one, other = tide(0), tide(1)
    figure = kind(drawn(one))
    names = [trace.name for trace in figure.data]
    show_task(figure, other)
    assert [trace.name for trace in figure.data] == names
    assert other.place is not None
    assert trace(figure, "place").x == (other.place.longitude,)
    np.testing.assert_array_equal(trace(figure, "true").y, other.truth.numpy())
    assert figure.layout.xaxis.title.text == other.x_label
    title = figure.layout.title.text.removeprefix("<b>One held-out task</b> · ")
    assert title[:10] == other.title[:10]
    assert len(figure.layout.annotations) == 1


def test_a_figure_shows_one_kind_of_portrait() -> None:
    with pytest.raises(ValueError, match=r"shows curves and a map, but .* for curves: make it"):
        show_task(task_figure(curves()), tide(0))
    with pytest.raises(ValueError, match=r"shows curves, but the figure was made for no tasks"):
        show_task(task_figure(), curves())


def test_a_place_in_a_family_of_three() -> None:
    others = torch.tensor([[10.0, 50.0], [11.0, 52.0], [12.0, 51.0]])
    figure = drawn(curves(place=TaskLocation(11.0, 52.0, others)))
    assert trace(figure, "places").y.tolist() == [50.0, 52.0, 51.0]
