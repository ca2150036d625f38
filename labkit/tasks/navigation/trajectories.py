"""Episodes of one task, all at once: each step of time is one operation for all of them."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor

from labkit.core.policy_gradients import Steps, gaussian_log_prob
from labkit.tasks.family import Predictor
from labkit.tasks.navigation.world import World

Observe: TypeAlias = Callable[[Tensor], Tensor]
"""Positions → observations, (…, 2) → (…, parts)."""


class Trajectories(NamedTuple):
    """Episodes of one task that a policy has drawn.

    Attributes:
        steps: Observations, rewards, and which steps belong to an episode.
        actions: (episodes, steps, 2).
        log_probs: log π(a|s) of the policy that has drawn them, (episodes, steps); 0 after the end.
        positions: Where the point was, from the start on, (episodes, steps + 1, 2).
    """

    steps: Steps
    actions: Tensor
    log_probs: Tensor
    positions: Tensor


def check_gaussian(output: Any, actions: int) -> tuple[Tensor, Tensor]:
    """The mean and log σ of a policy's output.

    Raises:
        ValueError: The output is something else, such as the logits of discrete actions.
    """
    if not (
        isinstance(output, tuple)
        and len(output) == 2
        and all(isinstance(part, Tensor) and part.is_floating_point() for part in output)
        and output[0].shape[-1:] == (actions,)
    ):
        got = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise ValueError(
            f"a policy for actions of {actions} numbers must return (mean, log_std), tensors "
            f"(…, {actions}) and ({actions},), as labkit.GaussianPolicy does, got {got}"
        )
    return output


def roll_out(
    world: World,
    predict: Predictor,
    noise: Tensor,
    goals: Tensor,
    observe: Observe = lambda position: position,
    *,
    pathwise: bool = False,
) -> Trajectories:
    """Let a policy walk from the origin, in all episodes of a task at once.

    a_t = μ(s_t) + σ ε_t.

    Args:
        world: How the point moves.
        predict: The policy, observations → (mean, log σ).
        noise: ε, (episodes, steps, 2).
        goals: Where the goal is after each step, (steps, 2).
        observe: What the policy sees of a position.
        pathwise: Keep the derivative of positions and rewards in the policy's parameters.

    Returns:
        `Trajectories`; without `pathwise` nothing of them has a derivative.

    Example:
        >>> still = lambda s: (torch.zeros_like(s), torch.zeros(2))
        >>> noise = torch.ones(3, 4, 2)
        >>> paths = roll_out(World(), still, noise, torch.ones(4, 2))
        >>> paths.positions[0, :, 0], paths.steps.alive.sum()
        (tensor([0.0000, 0.1000, 0.2000, 0.3000, 0.4000]), tensor(12.))
    """
    with nullcontext() if pathwise else torch.no_grad():
        position = torch.zeros_like(noise[:, 0])
        rows: list[tuple[Tensor, ...]] = []
        for epsilon in noise.unbind(1):
            seen = observe(position)
            mean, log_std = check_gaussian(predict(seen), noise.shape[-1])
            action = mean + log_std.exp() * epsilon
            position = world.after(position, action)
            rows.append((seen, mean, log_std.expand_as(mean), action, position))
        # what no later step needs, for all steps at once: a recording has few operations then
        parts = zip(*rows, strict=True)
        seen, mean, log_std, action, after = (torch.stack(each, 1) for each in parts)
        reward, there = world.judge(after, goals)
        before = (~there).to(noise.dtype).cumprod(-1)[:, :-1]
        alive = torch.cat([torch.ones_like(noise[:, :1, 0]), before], 1)
        log_prob = gaussian_log_prob(action, mean, log_std)
        start = torch.zeros_like(after[:, :1])
        steps = Steps(seen, reward * alive, alive)
        return Trajectories(steps, action, log_prob * alive, torch.cat([start, after], 1))
