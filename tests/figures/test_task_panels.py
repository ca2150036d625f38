"""The task panel for each kind of portrait: titles, axes, the map, whose data it shows."""

from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest
import torch

from labkit import TIDES_ATTRIBUTION, Place, Portrait, Tides, tide_table
from labkit.figures.lab import HEIGHT, lab_figure, show_task
from labkit.tasks.family import AnyPortrait
from labkit.tasks.tide_stations import tide_places


def curves(**properties: object) -> Portrait:
    x = torch.linspace(-1, 1, 5, dtype=torch.float64)
    plain = Portrait(x=x, truth=x, predictions=x.expand(2, 5), support_x=x[:2], support_y=x[:2])
    return replace(plain, **properties)  # type: ignore[arg-type]


def tide(seed: int) -> Portrait:
    task = Tides().sample(1, torch.Generator().manual_seed(seed))
    return Tides().portrait(task, [torch.zeros_like] * 2)


def drawn(portrait: AnyPortrait) -> go.Figure:
    figure = lab_figure(portrait)
    show_task(figure, portrait)
    return figure


def trace(figure: go.Figure, name: str) -> go.Scatter:
    (found,) = (trace for trace in figure.data if trace.name == name)
    return found


def texts(figure: go.Figure) -> list[str]:
    return [annotation.text for annotation in figure.layout.annotations]


def test_without_a_portrait_the_panel_says_so() -> None:
    figure = lab_figure()
    assert trace(figure, "nothing").text == ("This task family does not draw its tasks.",)
    assert figure.layout.xaxis2.visible is figure.layout.yaxis2.visible is False
    assert figure.layout.height == HEIGHT


def test_a_plain_task_has_plain_axes() -> None:
    figure = drawn(curves())
    assert figure.layout.xaxis2.title.text == "x"
    assert figure.layout.yaxis2.title.text == "y"
    assert "<b>One held-out task</b>" in texts(figure)
    assert len(texts(figure)) == 3
    assert figure.layout.height == HEIGHT
    assert "xaxis4" not in figure.layout


def test_title_and_axes_of_a_task() -> None:
    figure = drawn(curves(title="pool <3> & sea", x_label="hours", y_label="feet"))
    assert "<b>One held-out task</b> · pool &lt;3&gt; &amp; sea" in texts(figure)
    assert figure.layout.xaxis2.title.text == "hours"
    assert figure.layout.yaxis2.title.text == "feet"
    long = drawn(curves(title="a long, " * 20))
    (title,) = (text for text in texts(long) if "·" in text)
    assert title == "<b>One held-out task</b> · a long, a long, a long, a long, a long …"
    (title,) = (text for text in texts(drawn(curves(title="w" * 99))) if "·" in text)
    assert title.endswith("· " + "w" * 44 + " …")


def test_a_task_without_a_true_function() -> None:
    for none in (torch.empty(0), torch.tensor(0.0)):
        figure = drawn(curves(truth=none))
        assert len(trace(figure, "true").y) == 0
        assert trace(figure, "true").showlegend is False
        assert trace(figure, "before").y.size == 5
        assert figure.layout.yaxis2.range[1] == pytest.approx(1.1)
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
    (west, east), (south, north) = figure.layout.xaxis4.range, figure.layout.yaxis5.range
    assert ((west < places.x) & (places.x < east)).all()
    assert ((south < places.y) & (places.y < north)).all()


def test_the_map_stands_beside_the_curves() -> None:
    figure = drawn(tide(0))
    layout = figure.layout
    for each in (trace(figure, "places"), trace(figure, "place")):
        assert (each.xaxis, each.yaxis) == ("x4", "y5")
    assert trace(figure, "before").xaxis == "x2"
    assert layout.xaxis2.domain[1] < layout.xaxis4.domain[0]
    assert layout.xaxis4.domain[1] == 1
    assert layout.yaxis5.scaleanchor == "x4"
    # a degree of longitude is cos φ of a degree of latitude, φ = 28.5° in the middle
    assert layout.yaxis5.scaleratio == pytest.approx(1 / np.cos(np.radians(28.54)), rel=1e-3)
    # nothing else is tied to them: neither the curves nor the meta-training
    assert [layout[f"{axis}axis{n}"].scaleanchor for axis in "xy" for n in (2, 3)] == [None] * 4
    assert trace(figure, "after adaptation").xaxis == "x3"
    assert trace(figure, "changes").yaxis == "y4"


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
    assert figure.layout.height - figure.layout.margin.b == HEIGHT - 40
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
    assert figure.layout.xaxis2.title.text == other.x_label
    shown = [text for text in texts(figure) if text.startswith("<b>One held-out task</b> · ")]
    assert [text[27:50] for text in shown] == [other.title[:23]]
    assert len(texts(figure)) == 4


def test_a_figure_shows_one_kind_of_portrait() -> None:
    with pytest.raises(ValueError, match=r"shows curves and a map, but .* for curves: make it"):
        show_task(lab_figure(curves()), tide(0))
    with pytest.raises(ValueError, match=r"shows curves, but the figure was made for no tasks"):
        show_task(lab_figure(), curves())


def test_a_place_in_a_family_of_three() -> None:
    others = torch.tensor([[10.0, 50.0], [11.0, 52.0], [12.0, 51.0]])
    figure = drawn(curves(place=Place(11.0, 52.0, others)))
    assert trace(figure, "places").y.tolist() == [50.0, 52.0, 51.0]
