"""Testing on another family than that of the training: whose tasks, whose loss, whose units."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from labkit import MAML, LabelledTasks, MetaLearner, TableTasks, TaskBatch
from labkit.tasks.family import Predictor, Split
from tests.training.point_tasks import made
from tests.training.scalar_tasks import Parabolas, Point

SHIFT = {"train": 0.0, "validation": 10.0, "test": 20.0}


@dataclass(frozen=True)
class Tripled(Parabolas):
    """L = 3a(θ − c)²/2 with centres that differ between splits, and a measure."""

    split: Split = "train"

    def on(self, split: Split) -> "Tripled":
        centre = tuple(c + SHIFT[split] for c in Parabolas.centre)
        return replace(self, split=split, centre=centre)

    def loss(self, predict: Predictor, batch: Any) -> Tensor:
        return 3 * super().loss(predict, batch)

    def metrics(self, predict: Predictor, batch: Any) -> dict[str, Tensor]:
        return {"distance": (predict() - batch[1]).abs()}


def by_hand(split: Split, steps: int) -> tuple[list[float], list[float]]:
    """Mean loss and distance from θ = 0: each step of 0.1 shrinks θ − c by 1 − 0.1 · 3a."""
    tasks = Parabolas()
    pairs = [
        (3 * a, (c + SHIFT[split]) * (1 - 0.3 * a) ** k)
        for k in range(steps + 1)
        for a, c in zip(tasks.curvature, tasks.centre, strict=True)
    ]
    grid = np.array(pairs).reshape(steps + 1, 3, 2)
    losses = (grid[..., 0] * grid[..., 1] ** 2 / 2).mean(1)
    return losses.tolist(), np.abs(grid[..., 1]).mean(1).tolist()


@pytest.mark.parametrize(
    ("family", "split", "tested"),
    [
        (Tripled(), None, "test"),
        (Tripled(), "train", "train"),
        (Tripled(), "validation", "validation"),
        (Tripled().on("validation"), None, "validation"),
        (Tripled().on("validation"), "test", "test"),
        (Tripled().on("test"), None, "test"),
    ],
)
def test_another_family_is_judged_by_its_own_loss_on_the_split_asked_for(
    family: Tripled, split: Split | None, tested: Split
) -> None:
    learner = MetaLearner(Point(), Parabolas(), MAML(alpha=0.1, inner_steps=2))
    curve = learner.adaptation_curve(2, tasks=3, family=family, split=split)
    losses, distances = by_hand(tested, 2)
    np.testing.assert_allclose(curve.mean, losses, rtol=1e-12)
    np.testing.assert_allclose(curve.metrics["distance"].mean, distances, rtol=1e-12)
    batch = learner.held_out(3, family, split)
    again = learner.curve_on(batch, 2, family=family)
    assert torch.equal(again.mean, curve.mean)


def test_the_learners_own_family_judges_a_batch_unless_another_is_named() -> None:
    learner = MetaLearner(Point(), Parabolas(), MAML(alpha=0.1, inner_steps=1))
    batch = learner.held_out(3, Tripled())
    own, other = learner.curve_on(batch, 0), learner.curve_on(batch, 0, family=Tripled())
    assert float(other.mean[0]) == pytest.approx(3 * float(own.mean[0]), rel=1e-12)
    assert not own.metrics


def table(scale: float) -> TableTasks:
    random = np.random.default_rng(0)
    site, x = np.repeat(np.arange(12), 6), random.uniform(-1, 1, size=72)
    height = scale * (random.normal(size=12)[site] * x + random.normal(size=12)[site])
    frame = pd.DataFrame({"site": site, "x": x, "height": height})
    return TableTasks(frame, task="site", inputs=["x"], target="height", shots=3, queries=3)


def test_a_table_is_measured_in_the_units_of_its_own_target() -> None:
    """The mean error of f = 0, by numpy: the target minus the mean of the training groups."""
    model = made(lambda: nn.Linear(1, 1))
    with torch.no_grad():
        for p in model.parameters():
            p.zero_()
    metres, millimetres = table(1), table(1000)
    learner = MetaLearner(model, metres, MAML(alpha=0.1), meta_batch=2)
    curve = learner.adaptation_curve(0, tasks=5, family=millimetres)
    test = millimetres.on("test")
    rows = learner.held_out(5, millimetres).info["rows"][:, 3:]
    training = millimetres.frame[millimetres.frame["site"].astype(str).isin(millimetres.names)]
    heights = millimetres.frame["height"].to_numpy()[rows.numpy()]
    expected = np.sqrt(((heights - training["height"].mean()) ** 2).mean(1)).mean()
    assert float(curve.metrics["rmse"].mean[0]) == pytest.approx(expected, rel=1e-12)
    sites = {str(site) for site in millimetres.frame["site"].to_numpy()[rows.numpy().ravel()]}
    assert sites <= set(test.names)


def test_other_shots_are_tested_on_classes_that_training_never_saw() -> None:
    x, y = torch.randn(120, 3, generator=torch.Generator().manual_seed(0)), torch.arange(120) % 20
    one, five = (LabelledTasks(x, y, ways=3, shots=shots) for shots in (1, 5))
    learner = MetaLearner(made(lambda: nn.Linear(3, 3)), one, MAML(alpha=0.1), meta_batch=2)
    batch = learner.held_out(10, five)
    assert batch.support[0].shape == (10, 15, 3)
    classes = {int(y[point]) for point in batch.info["support_points"].flatten()}
    assert classes <= {int(name) for name in one.on("test").names}


def test_a_portrait_adapts_by_the_loss_of_the_family_that_it_shows() -> None:
    class Drawn(Tripled):
        def portrait(self, _: Any, predictors: Any) -> None:
            seen.append([float(f()) for f in predictors])

    seen: list[list[float]] = []
    learner = MetaLearner(Point(), Parabolas(), MAML(alpha=0.1, inner_steps=1))
    learner.portrait_of(learner.held_out(1, Drawn(), "train"), family=Drawn())
    # the first task has a = 0.5 and c = −1: θ' = 0 − 0.1 · 3 · 0.5 · (0 + 1)
    assert seen == [[0.0, pytest.approx(-0.15, rel=1e-12)]]


def test_predictor_takes_the_statistics_of_the_step_that_was_reached() -> None:
    """At the K-th step's averages its loss is the last of the curve, and at θ the first."""

    @dataclass(frozen=True)
    class Steep:
        def sample(self, tasks: int, generator: torch.Generator) -> TaskBatch:
            x = torch.randn(tasks, 12, 1, generator=generator, dtype=torch.float64)
            y = 3 * torch.tanh((2 + torch.randn(tasks, 1, 1, generator=generator).double()) * x)
            return TaskBatch((x[:, :6], y[:, :6]), (x[:, 6:], y[:, 6:]))

        def loss(self, predict: Predictor, batch: Any) -> Tensor:
            return mse_loss(predict(batch[0]), batch[1])

    model = made(
        lambda: nn.Sequential(nn.Linear(1, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 1))
    )
    maml = MAML(alpha=0.1, inner_steps=3)
    learner = MetaLearner(model, Steep(), maml, meta_batch=4, batch_norm="per_step")
    learner.train(30)
    curve, batch = learner.adaptation_curve(3, tasks=10), learner.held_out(10)
    ends, starts, first = [], [], []
    for task in range(10):
        support, (x, y) = ([t[task] for t in part] for part in (batch.support, batch.query))
        path = learner.algorithm.adapt(learner.test_loss_fn, learner.params, support).path
        ends.append(mse_loss(learner.predictor(path[3])(x), y))
        first.append(mse_loss(learner.predictor(path[1], step=1)(x), y))
        starts.append(mse_loss(learner.predictor(learner.params)(x), y))
    for step, losses in ((3, ends), (1, first), (0, starts)):
        torch.testing.assert_close(torch.stack(losses).mean(), curve.mean[step])
    assert not torch.isclose(curve.mean[3], curve.mean[0])
    with pytest.raises(ValueError, match="step must be a whole number ≥ 0, got -1"):
        learner.predictor(learner.params, step=-1)
