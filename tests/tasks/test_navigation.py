"""2D navigation: the simulation against a loop, gradients against each other, and gymnasium."""

from dataclasses import replace
from functools import partial
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env
from torch import Tensor, nn

from labkit.core import MAML, Draws, drawing, task_gradients, with_noise
from labkit.tasks import PathPortrait, TaskBatch
from labkit.tasks.navigation import (
    GaussianPolicy,
    Navigation,
    World,
    gaussian_policy,
    roll_out,
)
from labkit.tasks.navigation.environment import ID, NavigationEnv
from labkit.training import MetaLearner
from labkit.training.model import TaskLoss

DOUBLE = torch.float64


def stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(
    "world",
    [World(), World("squared", reach=0.2), World(obstacles=[(0.15, 0.0, 0.1), (0.0, -0.3, 0.2)])],
    ids=["distance", "squared", "obstacles"],
)
def test_all_episodes_at_once_are_those_of_a_loop(world: World) -> None:
    noise = torch.randn(12, 9, 2, generator=stream(), dtype=DOUBLE)
    goals = torch.linspace(0.1, 0.3, 18, dtype=DOUBLE).reshape(9, 2)
    slope, log_std = torch.tensor([[1.0, -0.5], [0.2, 0.7]], dtype=DOUBLE), torch.zeros(2).double()

    def policy(seen: Tensor) -> tuple[Tensor, Tensor]:
        return 1 + seen @ slope, log_std

    result = roll_out(world, policy, noise, goals)
    blocked = ended = 0
    for episode in range(12):
        x, y = 0.0, 0.0
        for t in range(9):
            seen = torch.tensor([x, y], dtype=DOUBLE)
            action = policy(seen)[0] + noise[episode, t]
            dx, dy = np.clip(0.1 * action.numpy(), -0.1, 0.1)
            if any((x + dx - a) ** 2 + (y + dy - b) ** 2 < r * r for a, b, r in world.obstacles):
                blocked += 1
            else:
                x, y = x + dx, y + dy
            apart = np.array([x, y]) - goals[t].numpy()
            square = float((apart**2).sum())
            reward = -square if world.reward == "squared" else -(square**0.5)
            assert abs(float(result.steps.rewards[episode, t]) - reward) < 1e-9
            assert torch.allclose(result.positions[episode, t + 1], torch.tensor([x, y]).double())
            assert torch.equal(result.actions[episode, t], action)
            if np.all(np.abs(apart) < world.reach):
                ended += 1
                assert not result.steps.alive[episode, t + 1 :].any()
                assert not result.steps.rewards[episode, t + 1 :].any()
                break
    assert bool(blocked) == bool(world.obstacles)
    assert bool(ended) == (world.reach > 0.1)


def meta_gradients(objective: Any, goal: Tensor, inner_steps: int, **options: Any) -> Tensor:
    """Estimates of the meta-gradient by independent episodes, (estimates, parameters)."""
    family = Navigation(
        shots=300,
        queries=300,
        horizon=3,
        objective=objective,
        normalise=False,
        discount=0.5,
        **options,
    )
    linear = nn.Linear(2, 2, device="meta").to_empty(device="cpu").double()
    linear.weight.data = torch.tensor([[0.3, -0.2], [0.1, 0.4]], dtype=DOUBLE)
    linear.bias.data = torch.tensor([0.2, -0.1], dtype=DOUBLE)
    # no action is clipped: a second derivative through the clip would miss how often
    policy = GaussianPolicy(linear, 2, log_std=-2.0).double()
    params = {name: p.detach() for name, p in policy.named_parameters()}
    loss_fn = TaskLoss(policy, {}, frozenset(params), family)
    batch = family.sample(60, stream())
    data = {"goal": goal.expand(60, 2), "drift": torch.zeros(60, 2, dtype=DOUBLE)}
    parts = [replace(part, tasks=data) for part in (batch.support, batch.query)]
    support = with_noise(drawing(parts[0], stream(1), by_step=True), inner_steps + 1)
    query = with_noise(drawing(parts[1], stream(2), by_step=False), 1)
    slopes = task_gradients(MAML(1.0, inner_steps), loss_fn, params, support, query)
    return torch.cat([slope.flatten(1) for slope in slopes.values()], 1)


def apart(one: Tensor, two: Tensor) -> Tensor:
    """Difference of the means in standard errors, for each parameter."""
    errors = (one.var(0) / len(one) + two.var(0) / len(two)).sqrt()
    return (one.mean(0) - two.mean(0)).abs() / errors


@pytest.mark.parametrize("inner_steps", [0, 1])
def test_dice_against_the_pathwise_derivative(inner_steps: int) -> None:
    goal = torch.tensor([0.4, 0.3], dtype=DOUBLE)
    exact = meta_gradients("pathwise", goal, inner_steps)
    assert (apart(meta_gradients("dice", goal, inner_steps), exact) < 4).all()
    surrogate = meta_gradients("surrogate", goal, inner_steps, baseline=False)
    if inner_steps:
        assert (apart(surrogate, exact) > 4).any()
    else:
        assert (apart(surrogate, exact) < 4).all()


def test_variants_of_goals() -> None:
    square = Navigation().sample(500, stream()).info
    assert float(square["goal"].abs().max()) <= 0.5
    assert float(square["goal"].std(0).min()) > 0.25
    assert not square["drift"].any()
    circle = Navigation(goals="circle", fixed_goals=4).sample(200, stream()).info["goal"]
    assert torch.allclose(circle.norm(dim=1), torch.full((200,), 0.5, dtype=DOUBLE))
    assert len({tuple(goal) for goal in circle.mul(100).round().add(0.0).tolist()}) == 4
    moving = Navigation(goal_speed=0.02, horizon=5)
    batch = moving.sample(1, stream())
    noise, task = torch.zeros(1, 5, 2, dtype=DOUBLE), {k: v[0] for k, v in batch.info.items()}
    policy = gaussian_policy(stream()).double()
    first, *_, last = moving.draw(policy, noise, task).steps.rewards[0]
    still = replace(moving, goal_speed=0.0).draw(policy, noise, task | {"drift": torch.zeros(2)})
    assert torch.equal(first, still.steps.rewards[0, 0])
    assert not torch.equal(last, still.steps.rewards[0, -1])
    oracle = replace(moving, oracle=True).draw(gaussian_policy(stream(), 4).double(), noise, task)
    assert torch.equal(oracle.steps.observations[0, 2, 2:], task["goal"])


def test_a_learner_improves_its_return_and_repeats_by_its_seed() -> None:
    def learner() -> MetaLearner:
        tasks = Navigation(shots=8, queries=8, horizon=6, objective="pathwise", normalise=False)
        policy = partial(gaussian_policy, width=8)
        return MetaLearner(policy, tasks, MAML(alpha=0.5), meta_batch=8, beta=0.05, seed=1)

    one, two = learner(), learner()
    steps = one.train(20)
    assert steps[:3] == two.train(3)
    assert np.mean([s.loss_after for s in steps[-5:]]) < 0.8 * steps[0].loss_after
    curve = one.adaptation_curve(2, tasks=20)
    assert torch.allclose(curve.metrics["return"].mean, -curve.mean)
    assert curve.mean[1] < curve.mean[0]
    assert isinstance(one.held_out(2).support, Draws)


def test_gymnasium_accepts_the_environment(recwarn: pytest.WarningsRecorder) -> None:
    env = gymnasium.make(ID)
    check_env(env.unwrapped, skip_render_check=True)
    assert not [w for w in recwarn if "gymnasium" in str(w.filename) and "not" in str(w.message)]
    observation, _ = env.reset(seed=3, options={"goal": (0.05, 0.0)})
    again, _ = env.reset(seed=3, options={"goal": (0.05, 0.0)})
    assert np.array_equal(observation, again)
    with pytest.raises(ValueError, match="two finite numbers"):
        env.reset(options={"goal": (np.nan, 0.0)})
    # the same steps as the batch takes
    actions = torch.randn(1, 20, 2, generator=stream()).clamp(-1, 1)
    mean = iter(actions[0])
    env.reset(options={"goal": (0.05, 0.0)})
    paths = roll_out(
        World(), lambda seen: (next(mean).expand_as(seen), torch.zeros(2)),
        torch.zeros(1, 20, 2), torch.tensor([0.05, 0.0]).expand(20, 2),
    )  # fmt: skip
    for t in range(int(paths.steps.alive.sum())):
        observation, reward, _, truncated, _ = env.step(actions[0, t].numpy())
        assert np.array_equal(observation, paths.positions[0, t + 1].numpy())
        assert reward == float(paths.steps.rewards[0, t])
        assert not truncated
    assert isinstance(env.unwrapped, NavigationEnv)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"horizon": 0}, "horizon must be a whole number ≥ 1, got 0"),
        ({"reward": "sparse"}, "reward must be 'distance' or 'squared'"),
        ({"goals": "line"}, "goals must be 'square' or 'circle'"),
        ({"goal_speed": float("nan")}, "goal_speed must be a finite number"),
        ({"objective": "reinforce"}, "objective must be one of 'dice', 'lvc'"),
        ({"discount": 1.5}, "discount must be a number from 0 to 1"),
        ({"obstacles": [(0.0, 0.1, float("inf"))]}, "three finite numbers"),
        ({"obstacles": [(0.1, 0.0, 0.2)]}, "not cover the start"),
    ],
)
def test_bad_input_is_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Navigation(**options)


def test_policies_that_do_not_fit_are_named() -> None:
    with pytest.raises(ValueError, match="nothing to adapt"):
        GaussianPolicy(nn.ReLU(), 2)
    discrete = nn.Linear(2, 4, device="meta").to_empty(device="cpu")
    with pytest.raises(ValueError, match=r"must return \(mean, log_std\).*got \(20, 4\)"):
        MetaLearner(discrete, Navigation(horizon=2), MAML())


def test_a_portrait_shows_the_same_episodes_before_and_after_each_step() -> None:
    tasks = Navigation(shots=4, queries=4, horizon=5, obstacles=[(0.4, 0.4, 0.1)])
    learner = MetaLearner(partial(gaussian_policy, width=4), tasks, MAML(0.1, 2), meta_batch=2)
    portrait = learner.portrait(task=1, tasks=3)
    assert isinstance(portrait, PathPortrait)
    assert portrait.paths.shape == (3, 6, 6, 2)
    assert not portrait.paths[:, :, 0].any()
    assert not torch.equal(portrait.paths[0], portrait.paths[2])
    goal = learner.held_out(3).info["goal"][1]
    assert torch.equal(portrait.goal, goal)
    assert f"({goal[0]:.2f}, {goal[1]:.2f})".replace("-", "−") in portrait.title
    curve = learner.adaptation_curve(2, tasks=3, alpha=0.1)
    assert portrait.losses is not None
    assert torch.allclose(portrait.losses, curve.task_losses[1])
    # an episode that ends has no positions after that
    near = TaskBatch(
        (), learner.held_out(1).query, {"goal": torch.zeros(1, 2), "drift": torch.zeros(1, 2)}
    )
    still = [lambda seen: (torch.zeros_like(seen), torch.full((2,), -9.0))]
    ended = tasks.portrait(near, still).paths[0]
    assert ended[:, :2].isfinite().all()
    assert ended[:, 2:].isnan().all()
