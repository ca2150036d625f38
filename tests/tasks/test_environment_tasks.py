"""Tasks of gymnasium environments: against `Navigation`, and what is refused."""

from functools import partial
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete
from torch import nn

from labkit import MAML, TRPO, EnvironmentTasks, LoopWarning, MetaLearner, gaussian_policy
from labkit.core import vectorize
from labkit.tasks.navigation import World, roll_out
from labkit.tasks.navigation.environment import NavigationEnv


def stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class ToGoal(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Navigation whose goal is that of the task."""

    def __init__(self, goal: tuple[float, float]) -> None:
        super().__init__(NavigationEnv())
        self.goal = goal

    def reset(self, **options: Any) -> Any:
        return super().reset(**options | {"options": {"goal": self.goal}})


def goal(generator: torch.Generator) -> dict[str, Any]:
    return {"goal": tuple((torch.rand(2, generator=generator) - 0.5).tolist())}


def family(**options: Any) -> EnvironmentTasks:
    return EnvironmentTasks(ToGoal, goal, shots=5, queries=4, horizon=7, **options)


def test_trajectories_are_those_of_the_simulation_in_batch() -> None:
    policy = gaussian_policy(stream(), width=4, log_std=-1.0)
    at = (0.05, 0.0)  # some episodes come there
    with torch.no_grad():
        result = family().run({"goal": at}, 60, policy, stream(1))
        generator = stream(1)
        torch.randint(2**31, (), generator=generator)
        noise = torch.stack([torch.randn(60, 2, generator=generator) for _ in range(7)], 1)
        expected = roll_out(World(), policy, noise, torch.tensor(at).expand(7, 2))
    lived = expected.steps.alive
    assert torch.equal(result.steps.alive, lived)
    assert 0 < lived[:, -1].mean() < 1
    assert torch.allclose(result.steps.rewards, expected.steps.rewards, atol=1e-6)
    assert torch.allclose(result.log_probs, expected.log_probs, atol=1e-5)
    seen, other = (each.steps.observations * lived[..., None] for each in (result, expected))
    assert torch.allclose(seen, other, atol=1e-6)


def test_a_learner_trains_on_environments_and_says_that_they_go_one_by_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def learner() -> MetaLearner:
        policy = partial(gaussian_policy, width=4)
        return MetaLearner(policy, family(), MAML(alpha=0.1), meta_batch=2)

    monkeypatch.setattr(vectorize, "_SAID", set())
    with pytest.warns(LoopWarning, match="drawn by a function"):
        one = learner()
    two = learner()
    assert one.train(2) == two.train(2)
    one.save(tmp_path / "run")
    two.load(tmp_path / "run")
    assert one.step() == two.step()
    curve = one.adaptation_curve(1, tasks=2)
    assert torch.allclose(curve.metrics["return"].mean, -curve.mean)
    with pytest.raises(ValueError, match="no method divergence"):
        MetaLearner(gaussian_policy, family(), MAML(), meta_optimizer=TRPO())


class Odd(gymnasium.Env[Any, Any]):
    """An environment with one thing that is wrong."""

    def __init__(self, wrong: str) -> None:
        self.wrong = wrong
        self.observation_space = Box(-1, 1, (2, 2) if wrong == "images" else (2,))
        self.action_space = Discrete(3) if wrong == "discrete" else Box(-1, 1, (1,))

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed, options=options)
        self.starts = getattr(self, "starts", 0) + 1
        return np.full(2, self.starts if self.wrong == "start" else 0, np.float32), {}

    def step(self, action: Any) -> Any:  # noqa: ARG002
        hidden = float(self.starts) if self.wrong == "goal" else 0.0
        reward = np.nan if self.wrong == "reward" else hidden
        return np.zeros(2, np.float32), reward, False, False, {}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("discrete", "discrete actions have no mean"),
        ("images", "FlattenObservation"),
        ("start", r"starts first at \[1. 1.\] and then at \[2. 2.\] with the same seed"),
        ("goal", "pays first at 1.0 and then at 2.0 with the same seed"),
        ("reward", "pays at nan: its numbers must be finite"),
    ],
)
def test_environments_that_do_not_fit_are_named(wrong: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EnvironmentTasks(Odd, lambda _: {"wrong": wrong})


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="horizon must be a whole number ≥ 1, got 0"):
        EnvironmentTasks(ToGoal, goal, horizon=0)
    with pytest.raises(ValueError, match=r"make must give a gymnasium\.Env, got 3"):
        EnvironmentTasks(lambda: 3, lambda _: {})  # type: ignore[arg-type,return-value]
    with pytest.raises(ValueError, match="draw must give a dict"):
        EnvironmentTasks(ToGoal, lambda _: 3)  # type: ignore[arg-type,return-value]
    with pytest.raises(ValueError, match="objective must be one of"):
        family(objective="reinforce")
    discrete = nn.Linear(2, 3, device="meta").to_empty(device="cpu")
    with pytest.raises(ValueError, match=r"must return \(mean, log_std\).*got \(5, 3\)"):
        MetaLearner(discrete, family(), MAML(), vectorize=False)
    with pytest.raises(ValueError, match="no parameter"):
        MetaLearner(nn.ReLU(), family(), MAML())
