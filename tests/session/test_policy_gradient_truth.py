"""What gradient truth measures of policies, and what it says where it cannot."""

from functools import partial
from typing import Any

import pytest
import torch

from labkit import GradientMonitor, Navigation, Session, Settings, gaussian_policy
from labkit.core import MAML
from labkit.figures import gradient_truth_figure, gradient_truth_words
from labkit.session.observe import gradient_monitor
from labkit.tasks import Sinusoid, sinusoid_mlp
from labkit.training import MetaLearner, measure_estimators

POLICY = partial(gaussian_policy, width=8)
SMOOTH = partial(
    Navigation, horizon=5, reward="squared", reach=0.0, smooth=True, normalise=False, discount=1.0
)


def learner(objective: Any) -> MetaLearner:
    tasks = SMOOTH(shots=20, queries=20, objective=objective)
    return MetaLearner(POLICY, tasks, MAML(alpha=0.5), meta_batch=2, dtype=torch.float64)


def test_dice_agrees_with_pathwise_and_the_surrogate_has_the_wrong_sign() -> None:
    result = measure_estimators(learner("dice"), tasks=8, samples=20)
    exact, dice, naive = result["pathwise"], result["dice"], result["surrogate"]
    error = (exact.curvature_ci95**2 + dice.curvature_ci95**2) ** 0.5 / 1.96
    assert abs(exact.curvature - dice.curvature) < 4 * error
    assert naive.curvature + naive.curvature_ci95 < 0 < exact.curvature - exact.curvature_ci95
    assert naive.ratio > result["first order"].ratio + naive.ratio_ci95  # both are too long …
    with pytest.raises(ValueError, match="Sinusoid has no derivative through its simulation"):
        measure_estimators(MetaLearner(sinusoid_mlp, Sinusoid(), MAML(alpha=0.01)))


def test_standardised_advantages_keep_the_length_of_the_inner_step() -> None:
    tasks = Navigation(shots=10, queries=10, horizon=5, reach=0.0, smooth=True, discount=1.0)
    result = measure_estimators(
        MetaLearner(POLICY, tasks, MAML(alpha=0.5), meta_batch=2), tasks=4, samples=4
    )
    assert 0.5 < result["dice"].ratio < 1.5  # α as for returns would be many times as long


def test_the_monitor_compares_estimators(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradient_monitor, "SCALES", (1.0,))
    monkeypatch.setattr(gradient_monitor, "LEAST_STEPS", 1)
    tasks = partial(Navigation, queries=4, horizon=4)
    session = Session(Settings(shots=4, meta_batch=2), model=POLICY, tasks=tasks, test_tasks=3)
    monitor = GradientMonitor(tasks=2)
    monitor.measure(session.snapshot())
    (point,) = monitor.view.points
    assert point.directions is None
    assert point.problems == ()
    assert point.estimators is not None
    assert point.curvature is not None  # of the pathwise loss
    words = " ".join(gradient_truth_words(monitor.view))
    assert "not exact: actions are clipped and episodes end at the goal" in words
    assert "surrogate" in words
    figure = gradient_truth_figure(monitor.view)
    assert figure.layout.yaxis.title.text == "angle to pathwise, °"
    names = {trace.name for trace in figure.data}
    assert {"dice", "lvc", "surrogate", "first order"} <= names
    assert "Reptile" not in {trace.name for trace in figure.data if trace.showlegend is not False}
