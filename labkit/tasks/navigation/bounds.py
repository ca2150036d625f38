"""Returns in 2D navigation that no policy exceeds, whether or not it sees the goal."""

import torch
from torch import Tensor

from labkit.tasks.navigation.navigation import Navigation
from labkit.tasks.navigation.world import World

GRID = 400
"""Goals along each axis over which a mean is taken."""


def best_returns(family: Navigation, goals: Tensor) -> Tensor:
    """The largest return that any policy can have for each goal, even one that sees it.

    In each of t steps a coordinate comes at most v nearer, so ‖x_t − g‖ ≥ ‖max(|g| − vt, 0)‖. An
    episode that ends early ends where all later terms are 0.

    Args:
        family: Of navigation, with goals that do not move.
        goals: (tasks, 2).

    Returns:
        (tasks,): −Σ_t ‖max(|g| − vt, 0)‖, of its square where the reward is "squared".

    Raises:
        ValueError: The goals move.

    Example:
        A goal at 0.25 along one axis is 0.15 and 0.05 away after the first two steps of 0.1.

        >>> best_returns(Navigation(), torch.tensor([[0.25, 0.0]]))
        tensor([-0.2000])
    """
    return _still_world(family).best_returns(goals, family.horizon)


def blind_bound(family: Navigation) -> float:
    """A mean return that no policy exceeds without adaptation: it does not see the goal.

    Where no episode ends early, E‖x − g‖ ≥ E‖g‖ for each x, since the goals lie symmetrically
    around 0. Episodes end at goals within reach ρ of a step: after t steps those are at most a
    share p_t = t (2ρ)² of the square. As E‖x − g‖ ≥ max(E‖g‖, ‖x‖), and no goal is farther from x
    than ‖x‖ + √½, what is left of the others is at least E‖g‖ − p_t (E‖g‖ + √½).

    Args:
        family: Of navigation, with goals in the square that do not move, without an oracle.

    Returns:
        −Σ_t [E‖g‖ − p_t (E‖g‖ + √½)] over the steps; −Σ_t [E‖g‖² − p_t] for the reward "squared".

    Raises:
        ValueError: The goals are others, or the policy sees them.

    Example:
        Near −100 E‖g‖ = −38.3, which a policy that stays where it is has.

        >>> round(blind_bound(Navigation()), 1)
        -36.1
    """
    world = _still_world(family)
    if family.goals != "square" or family.oracle:
        raise ValueError(
            "the bound is for goals='square' that the policy does not see, got "
            f"goals={family.goals!r}, oracle={family.oracle!r}"
        )
    axis = (torch.arange(GRID, dtype=torch.float64) + 0.5) / GRID - 0.5
    square = axis.square()[:, None] + axis.square()
    if world.reward == "squared":
        # ‖x‖² + E‖g‖² − p (‖x‖ + √½)² is at least E‖g‖² − p for p ≤ ½
        mean, lost = float(square.mean()), 1.0
    else:
        mean = float(square.sqrt().mean())
        lost = mean + 0.5**0.5
    total = 0.0
    for step in range(family.horizon):
        ended = min(step * (2 * world.reach) ** 2, 0.5)  # by the steps before
        total += max(mean - ended * lost, 0.0)
    return -total


def _still_world(family: Navigation) -> World:
    if family.goal_speed:
        raise ValueError(
            f"the bounds are for goals that do not move, got goal_speed={family.goal_speed}"
        )
    return family.world
