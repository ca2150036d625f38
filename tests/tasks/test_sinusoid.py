"""The sinusoid family: what it draws, what it calls a loss, how it draws itself."""

import math
from typing import Any

import pytest
import torch

from labkit import MetaLearner, Portrait, Sinusoid, TaskFamily, sinusoid_mlp
from labkit.core import MAML


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_data_are_waves_in_the_papers_ranges() -> None:
    family: TaskFamily = Sinusoid(shots=5, queries=7)
    batch = family.sample(2000, generator())
    assert batch.support[0].shape == (2000, 5, 1)
    assert batch.query[1].shape == (2000, 7, 1)
    amplitude, phase = batch.info["amplitude"], batch.info["phase"]
    for x, y in (batch.support, batch.query):
        expected = amplitude[:, None, None] * torch.sin(x - phase[:, None, None])
        torch.testing.assert_close(y, expected)
    # uniform: minimum, mean and maximum; the mean of 2000 draws is within 4 standard errors
    for values, low, high in ((amplitude, 0.1, 5.0), (phase, 0.0, math.pi)):
        assert low <= float(values.min()) < low + 0.01 * (high - low)
        assert high - 0.01 * (high - low) < float(values.max()) <= high
        error = 4 * (high - low) / math.sqrt(12 * 2000)
        assert float(values.mean()) == pytest.approx((low + high) / 2, abs=error)
    x = torch.cat([batch.support[0], batch.query[0]], dim=1)
    assert float(x.min()) >= -5
    assert float(x.max()) <= 5


def test_support_and_query_share_no_point() -> None:
    batch = Sinusoid(shots=10, queries=10).sample(50, generator())
    same = batch.support[0][:, :, None] == batch.query[0][:, None, :]
    assert not same.any()


def test_the_generator_decides() -> None:
    one, two, other = (Sinusoid().sample(3, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(one.support[1], two.support[1])
    assert not torch.equal(one.support[1], other.support[1])


def test_loss_is_the_mean_squared_error() -> None:
    batch = (torch.tensor([[0.0], [1.0]]), torch.tensor([[1.0], [3.0]]))
    # predictions 0 and 2: errors 1 and 1; predictions 0 and 0: errors 1 and 9
    assert float(Sinusoid().loss(lambda x: 2 * x, batch)) == 1.0
    assert float(Sinusoid().loss(lambda x: 0 * x, batch)) == 5.0


def test_portrait() -> None:
    learner = MetaLearner(sinusoid_mlp, Sinusoid(shots=6), MAML(inner_steps=3), meta_batch=2)
    portrait = learner.portrait(task=4)
    assert isinstance(portrait, Portrait)
    assert portrait.predictions.shape == (4, len(portrait.x))
    assert portrait.support_x.shape == (6,)
    # what the label under the pointer shows: no −3e−16
    torch.testing.assert_close(portrait.x, torch.arange(-50, 51) / 10, rtol=0, atol=0)
    before = learner.predictor(learner.params)(portrait.x[:, None])[:, 0]
    torch.testing.assert_close(portrait.predictions[0], before)
    nearest = (portrait.x[None] - portrait.support_x[:, None]).abs().argmin(dim=1)
    # neighbours on the grid are 0.1 apart, the slope is at most 5
    gap = (portrait.truth[nearest] - portrait.support_y).abs().max()
    assert float(gap) < 0.3


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"shots": 0}, "shots must be a whole number ≥ 1, got 0"),
        ({"queries": 2.0}, "queries must be a whole number ≥ 1, got 2.0"),
        ({"amplitude": 1}, r"amplitude must be \(low, high\), two numbers, got 1"),
        ({"phase": (1.0,)}, r"phase must be \(low, high\), two numbers, got \(1.0,\)"),
        ({"x_range": "ab"}, r"x_range must be \(low, high\), two numbers, got 'ab'"),
        ({"amplitude": (5.0, 0.1)}, r"amplitude must be \(low, high\) with low ≤ high"),
        ({"phase": (0.0, math.nan)}, "phase must be"),
    ],
)
def test_bad_options(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Sinusoid(**options)


def test_network_of_the_paper() -> None:
    net = sinusoid_mlp(generator())
    weights = [p for name, p in net.named_parameters() if name.endswith("weight")]
    biases = [p for name, p in net.named_parameters() if name.endswith("bias")]
    assert [tuple(w.shape) for w in weights] == [(40, 1), (40, 40), (1, 40)]
    assert all(not b.any() for b in biases)
    middle = weights[1].detach()
    # a normal cut at ±2σ has standard deviation 0.880 σ
    assert float(middle.std()) == pytest.approx(0.0088, rel=0.05)
    assert float(middle.abs().max()) <= 0.02
    assert not torch.equal(weights[0], next(iter(sinusoid_mlp(generator(1)).parameters())))
