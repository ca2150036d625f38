"""The panel of the held-out tasks shows the measure that is asked for."""

from dataclasses import replace

import numpy as np
import torch

from labkit.figures.panels.adaptation import (
    AdaptationPanel,
    adaptation_data,
    adaptation_figure,
    adaptation_top,
    show_adaptation,
)
from labkit.training.evaluation import summarise


def panel() -> AdaptationPanel:
    losses = torch.tensor([[2.0, 1.0], [4.0, 1.0]])
    accuracy = torch.tensor([[0.2, 0.6], [0.2, 1.0]])
    now = summarise(losses, {"accuracy": accuracy, "rmse_ft": 10 * losses})
    start = summarise(2 * losses, {"accuracy": accuracy / 2, "rmse_ft": 20 * losses})
    return AdaptationPanel(now, start, inner_steps=1)


def test_the_first_measure_of_the_family_unless_another_is_named() -> None:
    first = panel()
    assert first.measures == ("accuracy", "rmse_ft", "loss")
    for measure, now, before in (
        (None, [0.2, 0.8], [0.1, 0.4]),
        ("rmse_ft", [30.0, 10.0], [60.0, 20.0]),
        ("loss", [3.0, 1.0], [6.0, 2.0]),
    ):
        data = adaptation_data(replace(first, measure=measure))
        np.testing.assert_allclose(data[-1]["y"], now, rtol=1e-6)
        np.testing.assert_allclose(data[3]["y"], before, rtol=1e-6)


def test_the_axis_says_what_is_shown_and_fits_it() -> None:
    figure = adaptation_figure()
    show_adaptation(figure, panel())
    assert figure.layout.yaxis.title.text == "query accuracy"
    assert tuple(figure.layout.yaxis.range) == (0, 1.08)
    show_adaptation(figure, replace(panel(), measure="rmse_ft"))
    assert figure.layout.yaxis.title.text == "query rmse ft"
    assert figure.layout.yaxis.range[1] == adaptation_top(replace(panel(), measure="rmse_ft")) >= 60


def test_a_return_below_zero_is_on_the_axis_with_its_interval() -> None:
    returns = torch.tensor([[-40.0, -2.0], [-36.0, -1.0], [-41.0, -0.1]])
    now = summarise(-returns, {"return": returns})
    both = AdaptationPanel(now, summarise(-returns, {"return": 2 * returns}), inner_steps=1)
    figure = adaptation_figure()
    show_adaptation(figure, both)
    assert tuple(figure.layout.yaxis.range) == (-100.0, 0.0)
    band, *_, mean = adaptation_data(both)
    np.testing.assert_allclose(mean["y"], returns.mean(0), rtol=1e-6)
    half = 1.96 * returns.std(0) / 3**0.5
    upper, lower = returns.mean(0) + half, returns.mean(0) - half
    assert upper[1] > 0
    np.testing.assert_allclose(band["y"], [upper[0], 0.0, *lower.flip(0)], rtol=1e-6)
