"""The half-cheetah of MuJoCo as a family of tasks: run forward or backward, or at a velocity.

Needs the extra `mujoco` (`pip install 'maml-lab[mujoco]'`).
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from labkit.tasks.custom.environments import EnvironmentTasks

if TYPE_CHECKING:
    from gymnasium import Env

ID = "HalfCheetah-v5"

OBSERVATIONS, ACTIONS = 17, 6
"""Parts of an observation and of an action, for `labkit.gaussian_policy`."""

CONTROL_COST = 0.05
"""A step costs so much for each unit of ‖action‖²."""

FASTEST = 2.0


def half_cheetah_direction(**options: Any) -> EnvironmentTasks:
    """Half-cheetahs that are paid for running forward, or backward: two tasks.

    The reward of a step is ±v − 0.05 ‖action‖², with the forward velocity v.

    Args:
        options: As for `EnvironmentTasks`, from `shots` on; a horizon of 200 by default.

    Raises:
        ValueError: As for `EnvironmentTasks`.
        ModuleNotFoundError: `gymnasium` or `mujoco` is not installed.

    Source:
        Finn, Abbeel, Levine 2017, arXiv:1703.03400, §5.3.
    """

    def make(direction: float) -> "Env[Any, Any]":
        return _paid_for(lambda velocity: direction * velocity)

    def draw(generator: torch.Generator) -> dict[str, Any]:
        return {"direction": float(2 * torch.randint(2, (), generator=generator) - 1)}

    return EnvironmentTasks(make, draw, **{"horizon": 200} | options)


def half_cheetah_velocity(**options: Any) -> EnvironmentTasks:
    """Half-cheetahs that are paid for running at a velocity, uniform in [0, 2].

    The reward of a step is −|v − v*| − 0.05 ‖action‖², with the forward velocity v and that of the
    task, v*.

    Args:
        options: As for `EnvironmentTasks`, from `shots` on; a horizon of 200 by default.

    Raises:
        ValueError: As for `EnvironmentTasks`.
        ModuleNotFoundError: `gymnasium` or `mujoco` is not installed.

    Source:
        Finn, Abbeel, Levine 2017, arXiv:1703.03400, §5.3.
    """

    def make(velocity: float) -> "Env[Any, Any]":
        return _paid_for(lambda forward: -abs(forward - velocity))

    def draw(generator: torch.Generator) -> dict[str, Any]:
        return {"velocity": FASTEST * float(torch.rand((), generator=generator))}

    return EnvironmentTasks(make, draw, **{"horizon": 200} | options)


def _paid_for(pay: Callable[[float], float]) -> "Env[Any, Any]":
    """A half-cheetah whose forward velocity is paid by a function."""
    import gymnasium  # noqa: PLC0415  # an extra

    class Paid(gymnasium.Wrapper[Any, Any, Any, Any]):
        def step(self, action: Any) -> Any:
            seen, _, ended, cut, info = super().step(action)
            reward = pay(float(info["x_velocity"])) + float(info["reward_ctrl"])
            return seen, reward, ended, cut, info

    return Paid(gymnasium.make(ID, ctrl_cost_weight=CONTROL_COST))
