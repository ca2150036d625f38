"""Adaptation curves by recorded operations, against the same ones as torch.func computes them."""

from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from labkit.core.algorithms.algorithm import Algorithm
from labkit.core.algorithms.maml import MAML
from labkit.core.algorithms.meta_sgd import MetaSGD
from labkit.core.inner.step_sizes import LearnedAlpha
from labkit.tasks.family import TaskBatch
from labkit.tasks.sinusoid import Sinusoid
from labkit.training.engine import curve_engine
from labkit.training.engine.curve_engine import RECORDED_AFTER
from labkit.training.evaluation import AdaptationCurve, adaptation_curve
from labkit.training.meta_learner import MetaLearner


@dataclass(frozen=True)
class Near:
    """Sinusoids that have another measure than their loss."""

    sinusoids: Sinusoid = field(default_factory=Sinusoid)

    def sample(self, tasks: int, generator: torch.Generator) -> TaskBatch:
        return self.sinusoids.sample(tasks, generator)

    def loss(self, predict: Any, batch: Any) -> Tensor:
        return self.sinusoids.loss(predict, batch)

    def metrics(self, predict: Any, batch: Any) -> dict[str, Tensor]:
        x, y = batch
        return {"near": ((predict(x) - y).abs() < 1).double().mean()}


def network(_: torch.Generator) -> nn.Module:
    return nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))


def learner(algorithm: Algorithm, model: Any = network, tasks: Any = None) -> MetaLearner:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return MetaLearner(model, tasks or Near(), algorithm, meta_batch=3, task_chunk=7)


def computed(which: MetaLearner, steps: int, tasks: int) -> AdaptationCurve:
    batch = which.held_out(tasks)
    return adaptation_curve(
        which.current_algorithm().testing(steps),
        which.test_loss_fn,
        which.params,
        batch.support,
        batch.query,
        task_chunk=7,
    )


def assert_equal(one: AdaptationCurve, two: AdaptationCurve) -> None:
    for name in ("mean", "ci95", "median", "diverged"):
        assert torch.equal(getattr(one, name), getattr(two, name)), name
    assert one.metrics.keys() == two.metrics.keys() == {"near"}
    assert torch.equal(one.metrics["near"].mean, two.metrics["near"].mean)


@pytest.mark.parametrize(
    "algorithm",
    [
        MAML(alpha=0.05, inner_steps=2),
        MAML(alpha=LearnedAlpha(0.05, granularity="tensor", per_step=True), inner_steps=2),
        MetaSGD(alpha=0.05),
    ],
)
def test_bit_for_bit_while_theta_and_alpha_move(algorithm: Algorithm, recorded: list[Any]) -> None:
    which = learner(algorithm)
    for _ in range(RECORDED_AFTER + 3):
        which.step()
        recorded.clear()
        assert_equal(which.adaptation_curve(4, tasks=9), computed(which, 4, 9))
    # nine tasks, seven at once
    assert len(recorded) == 2


def test_another_alpha_is_no_other_recording_but_another_family_is(recorded: list[Any]) -> None:
    which = learner(MAML(alpha=0.05))
    for alpha in torch.linspace(0.01, 0.1, RECORDED_AFTER + 1).tolist():
        which.algorithm = MAML(alpha=alpha)
        assert_equal(which.adaptation_curve(2, tasks=7), computed(which, 2, 7))
    assert recorded
    recorded.clear()
    which.tasks = Near(Sinusoid(amplitude=(2.0, 3.0)))
    assert_equal(which.adaptation_curve(2, tasks=7), computed(which, 2, 7))
    assert not recorded


def test_a_model_that_draws_random_numbers_is_not_recorded(
    recorded: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Noisy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(1, 1)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.linear(x)
            return out + 0.1 * torch.randn_like(out)

    monkeypatch.setattr(curve_engine, "RECORDED_AFTER", 1)
    which = learner(MAML(alpha=0.05), lambda _: Noisy())
    curves = [which.adaptation_curve(2, tasks=7).mean for _ in range(3)]
    assert torch.equal(curves[0], curves[2])
    assert not recorded
