"""The world of 2D navigation: how a point moves, what it is paid, and when an episode ends."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Literal, TypeAlias, final

import torch
from torch import Tensor

from labkit.core import check_positive, is_number

Reward: TypeAlias = Literal["distance", "squared"]

Disc: TypeAlias = tuple[float, float, float]
"""An obstacle: x and y of its centre, and its radius."""


@final
@dataclass(frozen=True, slots=True)
class World:
    """A point in the plane that moves by an action, and is paid for being near a goal.

    The next position is x + clip(speed · a, −speed, speed), or x where that would be inside of an
    obstacle; x + speed · tanh(a) where `smooth`. The reward is −‖x − g‖, or −‖x − g‖², at the next
    position; the episode ends where both coordinates are within `reach` of the goal.

    Args:
        reward: "distance" (the paper's released code) or "squared" (its text).
        speed: Farthest that one action moves the point along each axis, > 0.
        reach: How near is there, ≥ 0; 0: episodes never end early.
        smooth: Move by the tanh of the action, which has a derivative of each order everywhere.
        obstacles: Discs (x, y, radius) that the point does not enter.

    Raises:
        ValueError: A value is out of its range, or an obstacle covers the start at the origin.

    Source:
        Finn, Abbeel, Levine 2017, arXiv:1703.03400, §5.3, and its released code.

    Example:
        >>> world = World(reward="squared")
        >>> at, goal = torch.zeros(2), torch.tensor([0.3, 0.0])
        >>> position, reward, there = world.move(at, torch.tensor([9.0, 0.0]), goal)
        >>> position, round(float(reward), 2), bool(there)
        (tensor([0.1000, 0.0000]), -0.04, False)
    """

    reward: Reward = "distance"
    speed: float = 0.1
    reach: float = 0.01
    smooth: bool = False
    obstacles: Sequence[Disc] = ()

    def __post_init__(self) -> None:
        if self.reward not in ("distance", "squared"):
            raise ValueError(f"reward must be 'distance' or 'squared', got {self.reward!r}")
        check_positive("speed", self.speed)
        if not is_number(self.reach) or not 0 <= self.reach < float("inf"):
            raise ValueError(f"reach must be a finite number ≥ 0, got {self.reach!r}")
        for disc in self.obstacles:
            if not (isinstance(disc, tuple | list) and len(disc) == 3 and all(map(_finite, disc))):
                raise ValueError(
                    f"obstacles must be discs (x, y, radius), three finite numbers, got {disc!r}"
                )
            x, y, radius = disc
            if radius <= 0 or x * x + y * y <= radius * radius:
                raise ValueError(
                    f"the obstacle {disc!r} must have a radius > 0 and not cover the start (0, 0)"
                )

    def move(self, position: Tensor, action: Tensor, goal: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """One step.

        Args:
            position: x, (…, 2).
            action: a, (…, 2).
            goal: g after the step, broadcast to the same.

        Returns:
            The next position, (…, 2), its reward, (…), and whether it is at the goal, (…), bool.
        """
        after = self.after(position, action)
        return after, *self.judge(after, goal)

    def after(self, position: Tensor, action: Tensor) -> Tensor:
        """The next position, (…, 2), as in `move`."""
        if self.smooth:
            after = position + self.speed * action.tanh()
        else:
            after = position + (self.speed * action).clamp(-self.speed, self.speed)
        for x, y, radius in self.obstacles:
            centre = torch.tensor((x, y), dtype=after.dtype, device=after.device)
            inside = (after - centre).square().sum(-1, keepdim=True) < radius * radius
            after = torch.where(inside, position, after)
        return after

    def judge(self, position: Tensor, goal: Tensor) -> tuple[Tensor, Tensor]:
        """The reward of being there, (…), and whether that is at the goal, (…), bool."""
        apart = position - goal
        square = apart.square().sum(-1)
        # the root has no derivative at 0
        distance = square if self.reward == "squared" else (square + 1e-12).sqrt()
        return -distance, (apart.abs() < self.reach).all(-1)

    def best_returns(self, goals: Tensor, horizon: int) -> Tensor:
        """What no policy exceeds in so many steps, for goals that stay, see `best_returns`.

        Args:
            goals: (tasks, 2).
            horizon: Steps of an episode.
        """
        time = torch.arange(1, horizon + 1, dtype=goals.dtype, device=goals.device)[:, None]
        apart = (goals.abs()[:, None] - self.speed * time).clamp(min=0)  # (tasks, steps, 2)
        square = apart.square().sum(-1)
        return -(square if self.reward == "squared" else square.sqrt()).sum(-1)


def _finite(value: object) -> bool:
    return is_number(value) and isfinite(value)
