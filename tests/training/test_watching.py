"""Callbacks and their reports, selection by validation, and values of single tasks."""

import math
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from labkit import MAML, MetaLearner, MetaStep, Sinusoid, StepReport
from labkit.tasks.family import Predictor
from tests.training.point_tasks import Clouds, Lines, made


class Rated(Clouds):
    """With the accuracy as a metric."""

    def metrics(self, predict: Predictor, batch: Any) -> dict[str, Tensor]:
        right = predict(batch[0]).argmax(-1) == batch[1]
        return {"accuracy": right.double().mean()}


def learner(**options: Any) -> MetaLearner:
    def net() -> nn.Module:
        return nn.Sequential(nn.Linear(2, 6), nn.Tanh(), nn.Dropout(0.3), nn.Linear(6, 3))

    options = {"meta_batch": 4, "beta": 0.05} | options
    return MetaLearner(made(net), Rated(), MAML(alpha=0.2, inner_steps=2), **options)


def test_reports_are_those_of_the_steps() -> None:
    one, two = learner(meta_clip=0.01), learner(meta_clip=0.01)
    reports: list[StepReport] = []
    seen: list[int] = []

    def on_step(report: StepReport) -> None:
        reports.append(report)
        seen.append(one.meta_step)

    steps = one.train(4, on_step=on_step, watch=["gradient_norm", "task_losses", "metrics"])
    # watching changes nothing
    assert steps == two.train(4)
    assert seen == [report.meta_step for report in reports] == [1, 2, 3, 4]
    for report, step in zip(reports, steps, strict=True):
        assert MetaStep(report.loss_before, report.loss_after) == step
        assert report.beta == 0.05
        assert report.task_losses is not None
        assert float(report.task_losses.mean()) == step.loss_after
        assert report.task_metrics["accuracy"].shape == (4,)
        mean = float(report.task_metrics["accuracy"].mean())
        assert report.metrics == {"accuracy": mean}
        assert 0 <= mean <= 1


def test_the_norm_is_that_of_the_meta_gradient_before_clipping() -> None:
    one = learner(meta_clip=0.01)
    slopes = one.meta_gradient().params.values()
    expected = math.sqrt(sum(float((slope**2).sum()) for slope in slopes))
    norms: list[float | None] = []
    one.train(1, on_step=lambda report: norms.append(report.gradient_norm), watch="gradient_norm")
    assert norms == [pytest.approx(expected, rel=1e-12)]
    assert expected > 0.01


def test_metrics_are_those_of_the_adapted_model() -> None:
    # without dropout, by hand
    model = made(lambda: nn.Linear(2, 3))
    one = MetaLearner(model, Rated(), MAML(alpha=0.2, inner_steps=2), meta_batch=2)
    generator = torch.Generator().set_state(one.task_stream)
    batch = Rated().sample(2, generator)
    expected = []
    for task in range(2):
        support = batch.support[0][task], batch.support[1][task]
        adapted = one.algorithm.adapt(one.loss_fn, one.params, support).params
        right = one.predictor(adapted)(batch.query[0][task]).argmax(-1) == batch.query[1][task]
        expected.append(float(right.double().mean()))
    reports: list[StepReport] = []
    one.train(1, on_step=reports.append, watch=["metrics"])
    assert reports[0].task_metrics["accuracy"].tolist() == expected
    assert reports[0].gradient_norm is None
    assert reports[0].task_losses is None


def test_what_is_not_watched_costs_nothing() -> None:
    reports: list[StepReport] = []
    one = learner()
    one._watched = None  # type: ignore[method-assign, assignment]
    one = learner()
    one.train(2, on_step=reports.append)
    assert reports[1].metrics == {}
    assert reports[1].task_metrics == {}


def test_a_callback_may_end_the_training() -> None:
    one, two = learner(), learner()

    def stop(report: StepReport) -> None:
        if report.meta_step == 2:
            raise StopIteration

    with pytest.raises(StopIteration):
        one.train(5, on_step=stop)
    assert one.meta_step == 2
    two.train(2)
    assert one.train(2) == two.train(2)


def test_a_callback_may_change_what_comes_next() -> None:
    one, two = learner(), learner()

    def lower(report: StepReport) -> None:
        one.beta = 0.05 / (1 + report.meta_step)

    steps = one.train(3, on_step=lower)
    for number, step in enumerate(steps):
        two.beta = 0.05 / (1 + number)
        assert two.step() == step


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"on_step": print, "watch": ["norm"]}, r"watch must be a list of .*, got \['norm'\]"),
        ({"watch": ["metrics"]}, "watch is for on_step"),
        ({"patience": 3}, "patience is for select_by"),
        ({"select_by": "test"}, "select_by must be 'validation' or a function"),
        ({"select_by": "validation", "patience": 0}, "patience must be a whole number ≥ 1"),
        ({"select_by": "validation", "validate_every": 0}, "validate_every must be"),
    ],
)
def test_wrong_arguments(options: dict[str, Any], message: str) -> None:
    one = learner()
    with pytest.raises(ValueError, match=message):
        one.train(1, **options)
    assert one.meta_step == 0


def test_selection_ends_at_the_best_state() -> None:
    scores = iter([5.0, 3.0, 1.0, 2.0, 1.5, 9.0])
    one, two = learner(), learner()
    steps = one.train(100, select_by=lambda _: next(scores), validate_every=2, patience=2)
    assert one.selection is not None
    assert one.selection.meta_steps == (0, 2, 4, 6, 8)
    assert one.selection.scores == (5.0, 3.0, 1.0, 2.0, 1.5)
    assert (one.selection.best, one.selection.stopped) == (4, True)
    assert len(steps) == 8
    # the state of meta-step 4, from which training continues as if it had ended there
    two.train(4)
    assert repr(one.state()) == repr(two.state())
    assert one.train(2) == two.train(2)


def test_selection_without_patience_and_with_scores_that_are_not_numbers() -> None:
    scores = iter([math.nan, 4.0, math.nan])
    one = learner()
    one.train(5, select_by=lambda _: next(scores), validate_every=3)
    assert one.selection is not None
    assert one.selection.meta_steps == (0, 3, 5)
    assert (one.selection.best, one.selection.stopped) == (3, False)


class Split(Lines):
    """Tells which split it is asked for."""

    asked: ClassVar[list[str]] = []

    def on(self, split: str) -> Lines:
        self.asked.append(split)
        return Lines()


def test_validation_is_on_validation_tasks() -> None:
    one = MetaLearner(made(lambda: nn.Linear(2, 1)), Split(), MAML(alpha=0.05), meta_batch=2)
    Split.asked.clear()
    one.train(2, select_by="validation", validate_every=1)
    assert Split.asked == ["validation"] * 3
    assert one.selection is not None
    # Adam lowers the loss of this convex problem at once
    assert one.selection.best == 2
    assert one.selection.scores[2] < one.selection.scores[0]


def test_validation_tasks_of_a_family_without_splits_are_no_test_tasks() -> None:
    one = MetaLearner(made(lambda: nn.Linear(1, 1)), Sinusoid(), MAML(), meta_batch=2)
    one.train(0, select_by="validation")
    assert one.selection is not None
    assert one.selection.scores[0] != float(one.adaptation_curve(1).mean[-1])


def test_curves_keep_the_values_of_tasks() -> None:
    one = learner()
    curve = one.adaptation_curve(3, tasks=30)
    assert curve.task_losses.shape == (30, 4)
    assert torch.equal(curve.task_losses.mean(0), curve.mean)
    accuracy = curve.metrics["accuracy"]
    assert torch.equal(accuracy.task_values.mean(0), accuracy.mean)
    # task by task as each would be measured alone
    batch = one.held_out(30)
    last = one.algorithm.testing(3).adapt(
        one.test_loss_fn, one.params, (batch.support[0][4], batch.support[1][4])
    )
    query = batch.query[0][4], batch.query[1][4]
    expected = [float(one.test_loss_fn(p, query)) for p in last.path]
    assert curve.task_losses[4].tolist() == pytest.approx(expected, rel=1e-12)
