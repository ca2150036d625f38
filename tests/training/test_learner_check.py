"""The check of a learner's own meta-gradient passes where it should, and only there."""

from collections.abc import Callable
from functools import partial
from typing import Any

import gymnasium
import pytest
import torch
from torch import Tensor, nn

from labkit import (
    MAML,
    EnvironmentTasks,
    JointTraining,
    LearnedAlpha,
    MetaLearner,
    Navigation,
    ProtoMAML,
    Reptile,
    check_learner,
    gaussian_policy,
)
from tests.training.point_tasks import WAYS, Clouds, Lines, made


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Dropout(0.3), nn.Linear(5, 1))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_own_module_in_any_precision(dtype: Any) -> None:
    algorithm = MAML(alpha=LearnedAlpha(0.1, granularity="tensor"), inner_steps=2)
    learner = MetaLearner(made(network), Lines(), algorithm, dtype=dtype, meta_batch=3)
    learner.train(2)
    before = {name: p.clone() for name, p in learner.params.items()}
    check = check_learner(learner)
    assert check.passed, str(check)
    assert check.alpha is not None
    assert all(torch.equal(p, before[name]) for name, p in learner.params.items())


class Images(Lines):
    """Each point three times over, a row of 6 with one channel."""

    def loss(self, predict: Any, batch: Any) -> Tensor:
        x, y = batch
        return super().loss(lambda x: predict(x.unsqueeze(1).repeat(1, 1, 3)), (x, y))


LAYERS: dict[str, Callable[[], nn.Module]] = {
    "batch norm": lambda: nn.BatchNorm1d(4, track_running_stats=False),
    "layer norm": lambda: nn.LayerNorm([4, 5]),
    "group norm": lambda: nn.GroupNorm(2, 4),
    "instance norm": lambda: nn.InstanceNorm1d(4, affine=True),
    "convolution": lambda: nn.Conv1d(4, 4, 3, padding=1),
    "max pool": lambda: nn.MaxPool1d(3, stride=1, padding=1),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_with_their_own_backward(name: str) -> None:
    """Such layers have derivatives written by hand in torch, and rules for batches of them."""
    model = made(
        lambda: nn.Sequential(
            nn.Conv1d(1, 4, 2), LAYERS[name](), nn.Tanh(), nn.Flatten(), nn.Linear(20, 1)
        )
    )
    learner = MetaLearner(model, Images(), MAML(alpha=0.1), meta_batch=3, beta=0.1)
    learner.train(3)  # away from weights of 1 and biases of 0, which hide errors
    check = check_learner(learner, tasks=2, directions=2)
    assert check.passed, str(check)


def test_batch_norm_and_prototypes() -> None:
    model = made(
        lambda: nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, WAYS))
    )
    for mode in ("transductive", "per_step"):
        options: dict[str, Any] = {"batch_norm": mode, "meta_batch": 3}
        learner = MetaLearner(model, Clouds(), ProtoMAML(head="3.*", alpha=0.1), **options)
        learner.train(2)
        check = check_learner(learner)
        assert check.passed, str(check)


class Forgetful(nn.Module):
    """Its gradient leaves out a part of what it computes."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.linear(x)
        return out + out.detach() ** 2


def test_a_module_whose_gradient_is_wrong_fails() -> None:
    check = check_learner(MetaLearner(made(Forgetful), Lines(), MAML(alpha=0.1)))
    assert not check.passed
    assert "FAILED in theta" in str(check)


def test_reptile_has_no_gradient_to_check() -> None:
    with pytest.raises(ValueError, match="Reptile is not the gradient of its loss"):
        check_learner(MetaLearner(made(network), Lines(), Reptile()))


SMALL: dict[str, Any] = {"shots": 3, "queries": 3, "horizon": 4}


def navigator(algorithm: Any = None, **options: Any) -> MetaLearner:
    learner = MetaLearner(
        partial(gaussian_policy, width=6, log_std=-1.0),
        Navigation(**SMALL, **options),
        algorithm or MAML(alpha=0.1, inner_steps=2),
        meta_batch=2,
        beta=0.05,
    )
    learner.train(1)  # a bias of 0 has a kink where episodes begin
    return learner


@pytest.mark.parametrize("objective", ["lvc", "dice", "pathwise"])
def test_trajectories_are_drawn_once_and_held(objective: str) -> None:
    options = {"discount": 1.0, "normalise": False} if objective == "pathwise" else {}
    check = check_learner(navigator(objective=objective, **options), tasks=2, directions=2)
    assert check.passed, str(check)
    assert check.alpha is not None


def test_trajectories_of_environments_are_held_in_their_own_precision() -> None:
    policy = gaussian_policy(torch.Generator().manual_seed(0), 3, 1, width=4)
    tasks = EnvironmentTasks(
        lambda g: gymnasium.make("Pendulum-v1", g=g), lambda _: {"g": 9.0}, **SMALL
    )
    learner = MetaLearner(policy, tasks, MAML(alpha=0.1), meta_batch=2, vectorize=False)
    check = check_learner(learner, tasks=2, directions=2)
    assert check.passed, str(check)


def test_what_differences_cannot_confirm_of_policies() -> None:
    with pytest.raises(ValueError, match="differentiated through alone, got JointTraining"):
        check_learner(navigator(JointTraining()))
    with pytest.raises(ValueError, match=r"the derivative of the one with discount=0\.99"):
        check_learner(navigator(objective="pathwise"))
