"""Figures of many runs: every run is in them, in its place, and nothing is read as HTML."""

import numpy as np
import pytest

from labkit.figures.runs import (
    MOST_CURVES,
    CurveOfRun,
    VariedParameter,
    against_figure,
    curves_figure,
    importance_figure,
    parallel_figure,
)

METRIC = VariedParameter.of("ratio", [0.5, 0.25, 1.0])


def test_numbers_over_more_than_a_decade_are_on_a_logarithmic_axis() -> None:
    wide = VariedParameter.of("alpha", [0.001, 0.1, None])
    assert wide.log
    np.testing.assert_allclose(wide.positions, [-3, -1, np.nan])
    assert list(wide.labels) == ["0.001", "0.1"]
    assert wide.ticks == pytest.approx([-3, -1])
    narrow = VariedParameter.of("steps", [1, 5, 3])
    assert not narrow.log
    assert narrow.positions.tolist() == [1, 5, 3]
    assert list(narrow.labels) == ["1", "3", "5"]
    assert len(VariedParameter.of("beta", np.linspace(1, 2, 50).tolist()).ticks) == 5


def test_texts_and_truths_have_a_place_each() -> None:
    assert VariedParameter.of("algorithm", ["maml", "anil", "maml"]).positions.tolist() == [1, 0, 1]
    assert VariedParameter.of("flag", [True, False]).labels == ("False", "True")


def test_curves_are_those_of_the_runs_and_a_loss_that_falls_far_is_logarithmic() -> None:
    curves = [CurveOfRun(f"<i>{n}", [1, 2], [40.0, 1.0], running=n == 1) for n in range(2)]
    figure = curves_figure([*curves, CurveOfRun("none yet", [], [], running=True)])
    assert [trace.text for trace in figure.data] == ["&lt;i&gt;0", "&lt;i&gt;1"]
    assert [trace.line.width for trace in figure.data] == [1, 2]
    assert figure.layout.yaxis.type == "log"
    many = curves_figure([curves[0]] * (MOST_CURVES + 5))
    assert len(many.data) == MOST_CURVES
    assert f"last {MOST_CURVES} of {MOST_CURVES + 5} runs" in many.layout.title.text


def test_a_run_crosses_each_axis_where_its_value_is() -> None:
    alpha = VariedParameter.of("alpha", [2.0, 3.0, 4.0])
    figure = parallel_figure([alpha], METRIC, ["a", "<b>", "c"])
    assert [trace.text for trace in figure.data] == ["a", "&lt;b&gt;", "c"]
    first, last = figure.data[0].y, figure.data[2].y
    assert first[0] < figure.data[1].y[0] < last[0]
    ticks = {note.text: note.y for note in figure.layout.annotations}
    assert ticks["2"] == pytest.approx(first[0])
    assert ticks["0.25"] == pytest.approx(figure.data[1].y[1])
    assert figure.data[0].line.color != figure.data[1].line.color


def test_each_parameter_has_a_plot_and_the_most_important_is_on_top() -> None:
    parameters = [VariedParameter.of(f"p<{n}", [1, 2, n]) for n in range(4, 8)]
    figure = against_figure(parameters, METRIC, ["a", "b", "c"])
    assert len(figure.data) == 4
    assert figure.layout.xaxis4.title.text == "p&lt;7"
    assert figure.layout.xaxis4.domain[0] == figure.layout.xaxis.domain[0]
    assert figure.layout.yaxis4.domain[1] < figure.layout.yaxis.domain[0]
    assert figure.data[3].x == (1, 2, 7)
    bars = importance_figure({"alpha": 0.2, "beta": 0.8}, "by ranks").data[0]
    assert bars.y[-1] == "beta"
