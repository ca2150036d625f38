"""Learners side by side are what they are one by one."""

from typing import Any

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from labkit import MAML, Ensemble, LearnedAlpha, MetaLearner, Reptile
from labkit.training.engine import engine
from tests.training.point_tasks import Clouds, Lines, made

CLOSE: dict[str, Any] = {"rtol": 1e-9, "atol": 1e-12}
ALPHAS, BETAS = [0.01, 0.1, 0.05, 0.02, 0.03], [0.001, 0.01, 0.003, 0.002, 0.005]
"""More than are computed together, in blocks of three and two."""


def model(outputs: int = 1) -> nn.Module:
    return made(lambda: nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, outputs)))


def alone(index: int, algorithm: Any, **options: Any) -> MetaLearner:
    return MetaLearner(model(), Lines(), algorithm, beta=BETAS[index], meta_batch=4, **options)


@pytest.mark.parametrize("meta_optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("kind", ["MAML", "Reptile"])
def test_each_is_a_learner_by_itself(kind: str, meta_optimizer: Any) -> None:
    def algorithm(alpha: float) -> Any:
        return MAML(alpha, inner_steps=2) if kind == "MAML" else Reptile(alpha, inner_steps=2)

    options: dict[str, Any] = {"meta_optimizer": meta_optimizer, "seed": 3, "reduction": "sum"}
    ensemble = Ensemble(
        model(), Lines(), algorithm(1.0), alphas=ALPHAS, betas=BETAS, meta_batch=4, **options
    )
    steps = ensemble.train(5)
    for index, alpha in enumerate(ALPHAS):
        learner = alone(index, algorithm(alpha), **options)
        for step, expected in zip(steps, learner.train(5), strict=True):
            assert float(step.loss_before[index]) == pytest.approx(expected.loss_before, rel=1e-9)
            assert float(step.loss_after[index]) == pytest.approx(expected.loss_after, rel=1e-9)
        assert_close(ensemble.params(index), learner.params, **CLOSE)
        # it continues from there as if it had been alone all the time
        member = ensemble.learner(index)
        assert (member.meta_step, member.alpha, member.beta) == (5, alpha, BETAS[index])
        member.train(3)
        learner.train(3)
        assert_close(member.params, learner.params, **CLOSE)


def test_one_that_diverges_stands_still_and_the_others_go_on() -> None:
    ensemble = Ensemble(model(), Lines(), MAML(), alphas=[0.05, 1e200], meta_batch=4)
    start = ensemble.params(1)
    steps = ensemble.train(3)
    assert ensemble.diverged.tolist() == [False, True]
    assert steps[-1].loss_after.isnan().tolist() == [False, True]
    assert_close(ensemble.params(1), start, rtol=0, atol=0)
    learner = MetaLearner(model(), Lines(), MAML(alpha=0.05), meta_batch=4)
    learner.train(3)
    assert_close(ensemble.params(0), learner.params, **CLOSE)


def test_recorded_bit_for_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    def trained() -> dict[str, torch.Tensor]:
        ensemble = Ensemble(model(3), Clouds(), MAML(inner_steps=2), alphas=ALPHAS, meta_batch=4)
        ensemble.train(6)
        return ensemble.params(4)

    computed = trained()
    monkeypatch.setattr(engine, "RECORDED_AFTER", 2)
    recorded = trained()
    for name, tensor in computed.items():
        assert torch.equal(tensor, recorded[name])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"alphas": []}, r"alphas must be a list of finite numbers, one per learner, got \[\]"),
        ({"alphas": 0.1}, "alphas must be a list of finite numbers"),
        ({"alphas": [0.1, float("nan")]}, "alphas must be a list of finite numbers"),
        ({"betas": [0.1]}, "betas must be one number ≥ 0, or one for each of the 5 alphas"),
        ({"betas": -1.0}, "betas must be one number ≥ 0"),
        ({"algorithm": MAML(alpha=LearnedAlpha(0.1))}, "have fixed alphas"),
        ({"model": nn.Sequential(nn.Linear(2, 1), nn.Dropout())}, "draws random numbers"),
        ({"meta_batch": 0}, "meta_batch must be"),
    ],
)
def test_bad_input(options: dict[str, Any], words: str) -> None:
    settings: dict[str, Any] = {
        "model": model(),
        "tasks": Lines(),
        "algorithm": MAML(),
        "alphas": ALPHAS,
    }
    with pytest.raises(ValueError, match=words):
        Ensemble(**(settings | options))
