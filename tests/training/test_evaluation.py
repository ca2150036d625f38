"""Adaptation curves: means, intervals, medians and diverged tasks, computed by hand."""

import math
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from labkit import MAML, MetaLearner, Sinusoid, sinusoid_mlp, steps_table
from labkit.core.types import Params
from labkit.tasks.family import Predictor, Split
from labkit.training import evaluation
from labkit.training.evaluation import adaptation_curve, summarise
from labkit.training.held_out import task_portrait
from tests.training.scalar_tasks import Parabolas, Point


def test_summary_by_hand() -> None:
    losses = torch.tensor([[1.0, 0.5], [2.0, 1.5], [3.0, 100.0]], dtype=torch.float64)
    curve = summarise(losses)
    assert curve.mean.tolist() == [2.0, 34.0]
    assert curve.median.tolist() == [2.0, 1.5]
    # standard deviations: 1 and sqrt((33.5² + 32.5² + 66²)/2)
    spread = math.sqrt((33.5**2 + 32.5**2 + 66.0**2) / 2)
    assert curve.ci95.tolist() == pytest.approx([1.96 / math.sqrt(3), 1.96 * spread / math.sqrt(3)])
    # 100 is more than ten times the mean before adaptation, which is 2; so is 25, but 15 is not
    assert curve.diverged.tolist() == [0.0, pytest.approx(1 / 3)]
    edge = torch.tensor([[1.0, 15.0], [2.0, 25.0], [3.0, 0.0]], dtype=torch.float64)
    assert summarise(edge).diverged.tolist() == [0.0, pytest.approx(1 / 3)]
    assert curve.tasks == 3


def test_nan_counts_as_diverged_and_the_median_survives() -> None:
    nan, inf = torch.nan, torch.inf
    curve = summarise(torch.tensor([[1.0, nan], [1.0, inf], [1.0, 0.5], [1.0, 0.4], [1.0, 0.3]]))
    assert curve.diverged[1] == pytest.approx(0.4)
    assert curve.median[1] == pytest.approx(0.5)
    assert not math.isfinite(float(curve.mean[1]))


def test_curve_of_parabolas() -> None:
    # after k steps of α the loss is a·c²(1 − αa)^{2k}/2 from θ = 0
    tasks = Parabolas()
    learner = MetaLearner(Point(), tasks, MAML(alpha=0.1, inner_steps=2))
    curve = learner.adaptation_curve(3, tasks=3)
    factors = {0: [], 1: [0.1], 2: [0.1, 0.1], 3: [0.1, 0.1, 0.05]}
    for k, alphas in factors.items():
        losses = [
            a * (c * math.prod(1 - alpha * a for alpha in alphas)) ** 2 / 2
            for a, c in zip(tasks.curvature, tasks.centre, strict=True)
        ]
        assert float(curve.mean[k]) == pytest.approx(sum(losses) / 3, rel=1e-12)


def test_alpha_and_family_for_testing() -> None:
    learner = MetaLearner(sinusoid_mlp, Sinusoid(shots=10), MAML(alpha=0.01), meta_batch=4)
    same = learner.adaptation_curve(2, tasks=20, alpha=[0.01, 0.005])
    assert torch.equal(learner.adaptation_curve(2, tasks=20).mean, same.mean)
    other = learner.adaptation_curve(2, tasks=20, alpha=0.5)
    assert float(other.mean[0]) == float(same.mean[0])
    assert float(other.mean[2]) != float(same.mean[2])
    five = learner.adaptation_curve(2, tasks=20, family=Sinusoid(shots=5))
    assert float(five.mean[2]) != float(same.mean[2])


def test_theta_learns_to_adapt() -> None:
    """The whole loop on the sinusoid at a size for tests: one step helps after training only."""
    learner = MetaLearner(
        sinusoid_mlp, Sinusoid(), MAML(), beta=5e-3, meta_batch=25, dtype=torch.float64
    )
    start = learner.adaptation_curve(1)
    learner.train(700)
    end = learner.adaptation_curve(1)
    assert float(start.mean[1] / start.mean[0]) > 0.95
    assert float(end.mean[1] / end.mean[0]) < 0.6


def test_trained_steps_against_tested_steps() -> None:
    """Each row is the curve of the θ it names, and a learner's own row is its adaptation curve."""
    tasks = Parabolas()
    learners = {
        steps: MetaLearner(
            Point(),
            tasks,
            MAML(alpha=0.1, inner_steps=steps),
            beta=0.3,
            meta_optimizer="sgd",
            meta_batch=3,
        )
        for steps in (1, 4)
    }
    for learner in learners.values():
        learner.train(20)
    batch = tasks.sample(3, torch.Generator().manual_seed(0))
    table = steps_table(
        MAML(alpha=0.1),
        learners[1].loss_fn,
        {steps: learner.params for steps, learner in learners.items()},
        batch.support,
        batch.query,
        inner_steps=6,
    )
    assert table.trained == (1, 4)
    assert table.mean.shape == table.median.shape == (2, 7)
    for row, learner in zip(range(2), learners.values(), strict=True):
        curve = learner.adaptation_curve(6, tasks=3)
        torch.testing.assert_close(table.mean[row], curve.mean)
        torch.testing.assert_close(table.median[row], curve.median)
    # each is best, or as good, at the number of steps it was trained for
    assert table.mean[0, 1] < table.mean[1, 1]
    assert table.mean[1, 4] < table.mean[0, 4]


def test_no_tasks_are_refused() -> None:
    with pytest.raises(ValueError, match="tasks must be a whole number ≥ 1, got 0"):
        MetaLearner(Point(), Parabolas(), MAML()).adaptation_curve(tasks=0)


class Shifted(Parabolas):
    """Parabolas with measures, whose test tasks lie elsewhere than the others."""

    def on(self, split: Split) -> "Shifted":
        shift = 10 if split == "test" else 0
        return Shifted(centre=tuple(c + shift for c in Parabolas.centre))

    def metrics(self, predict: Predictor, batch: Any) -> dict[str, torch.Tensor]:
        return {"distance": (predict() - batch[1]).abs()}


def test_measures_of_the_family_by_hand() -> None:
    tasks = Shifted()
    curve = MetaLearner(Point(), tasks, MAML(alpha=0.1, inner_steps=1)).adaptation_curve(
        1, tasks=3, split="validation"
    )
    distances = [
        [abs(c) * (1 - 0.1 * a) ** k for k in (0, 1)]
        for a, c in zip(tasks.curvature, tasks.centre, strict=True)
    ]
    expected = np.array(distances)
    measure = curve.metrics["distance"]
    np.testing.assert_allclose(measure.mean, expected.mean(0), rtol=1e-12)
    np.testing.assert_allclose(measure.median, np.median(expected, 0), rtol=1e-12)
    np.testing.assert_allclose(measure.ci95, 1.96 * expected.std(0, ddof=1) / 3**0.5, rtol=1e-12)


def test_curves_are_of_the_split_that_is_asked_for_and_by_default_of_the_test() -> None:
    learner = MetaLearner(Point(), Shifted(), MAML(alpha=0.1))
    test = learner.adaptation_curve(1, tasks=3)
    same = learner.adaptation_curve(1, tasks=3, family=Shifted().on("test"))
    validation = learner.adaptation_curve(1, tasks=3, split="validation")
    assert torch.equal(test.mean, same.mean)
    assert float(test.mean[0]) > 10 * float(validation.mean[0])


def test_one_forward_serves_the_loss_and_the_measures() -> None:
    forwards = 0

    class Counted(Point):
        def forward(self) -> torch.Tensor:
            nonlocal forwards
            forwards += 1
            return super().forward()

    learner = MetaLearner(Counted(), Shifted(), MAML(alpha=0.1, inner_steps=1))
    forwards = 0
    learner.adaptation_curve(1, tasks=3)
    assert forwards == 2 + 2  # support and query, each before and after the step


def test_support_and_query_of_other_numbers_of_tasks_are_refused() -> None:
    def loss(params: Params, batch: Tensor) -> Tensor:
        return ((params["w"] - batch) ** 2).sum()

    theta = {"w": torch.tensor(0.0)}
    with pytest.raises(ValueError, match="task"):
        adaptation_curve(MAML(alpha=0.1), loss, theta, torch.ones(2), torch.ones(4), task_chunk=2)


def test_between_two_chunks_the_measuring_can_be_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    learner = MetaLearner(Point(), Shifted(), MAML(alpha=0.1))
    batch = learner.held_out(3)
    monkeypatch.setattr(evaluation, "CHUNK_TASKS", 1)
    calls: list[int] = []
    curve = learner.curve_on(batch, 2, between=lambda: calls.append(1))
    assert len(calls) == 2
    assert torch.equal(curve.mean, learner.curve_on(batch, 2).mean)

    def end() -> None:
        raise TimeoutError("long enough")

    with pytest.raises(TimeoutError, match="long enough"):
        learner.curve_on(batch, 2, between=end)


def test_chunks_do_not_change_a_curve(monkeypatch: pytest.MonkeyPatch) -> None:
    learner = MetaLearner(Point(), Shifted(), MAML(alpha=0.1))
    whole = learner.adaptation_curve(2, tasks=3)
    monkeypatch.setattr(evaluation, "CHUNK_BYTES", 1)
    chunked = learner.adaptation_curve(2, tasks=3)
    assert torch.equal(whole.mean, chunked.mean)
    assert torch.equal(whole.metrics["distance"].mean, chunked.metrics["distance"].mean)


@pytest.mark.parametrize(
    ("measures", "words"),
    [
        (lambda d: {"median": d}, "no measure may have the name 'median'"),
        (lambda d: {"a_ci95": d}, "no measure may have the name 'a_ci95'"),
        (lambda d: {"loss": d}, "no measure may have the name 'loss'"),
        (lambda d: {"a": d[None]}, r"'a' must be a real 0-d tensor, got \(1,\)"),
        (lambda _: {"a": 1.0}, "'a' must be a real 0-d tensor, got 1.0"),
        (lambda d: [d], "must return a dict"),
    ],
)
def test_measures_that_cannot_be_reported(measures: Any, words: str) -> None:
    class Wrong(Parabolas):
        def metrics(self, predict: Predictor, batch: Any) -> dict[str, torch.Tensor]:
            errors: dict[str, torch.Tensor] = measures((predict() - batch[1]).abs())
            return errors

    with pytest.raises(ValueError, match=words):
        MetaLearner(Point(), Wrong(), MAML(alpha=0.1))


def test_splits_and_portraits_that_are_none() -> None:
    class Wrong(Parabolas):
        def on(self, split: Split) -> Any:
            return split

        def portrait(self, *_: Any) -> Any:
            return "a picture"

    learner = MetaLearner(Point(), Wrong(), MAML(alpha=0.1))
    with pytest.raises(
        ValueError, match=r"Wrong.on\('test'\) must return a task family, got 'test'"
    ):
        learner.adaptation_curve(1, tasks=3)
    with pytest.raises(ValueError, match=r"split must be one of .*, got 'dev'"):
        learner.adaptation_curve(1, tasks=3, split="dev")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"Wrong.portrait must return .*, got 'a picture'"):
        task_portrait(
            Wrong(),
            learner.algorithm,
            learner.test_loss_fn,
            learner.params,
            learner.held_out(1, Parabolas()),
        )


def test_a_model_that_does_not_fit_its_tasks() -> None:
    with pytest.raises(ValueError, match=r"cannot run on the first task of Sinusoid: .*mat1"):
        MetaLearner(partial(sinusoid_mlp, inputs=2), Sinusoid(), MAML())
