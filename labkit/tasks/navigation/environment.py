"""2D navigation as a `gymnasium` environment, for agents of other libraries.

Needs the extra `gym` (`pip install 'maml-lab[gym]'`). Importing this module registers
`labkit/Navigation-v0`; so does
`gymnasium.make("labkit.tasks.navigation.environment:labkit/Navigation-v0")`.
"""

from typing import Any, final

import gymnasium
import numpy as np
import torch
from gymnasium.spaces import Box
from numpy.typing import NDArray

from labkit.tasks.navigation.world import World

ID = "labkit/Navigation-v0"
HORIZON = 100


@final
class NavigationEnv(gymnasium.Env[NDArray[np.float32], NDArray[np.float32]]):
    """One episode of `World`, with a goal that the observation does not show.

    Each reset draws a goal from [−0.5, 0.5]², unless `options={"goal": (x, y)}` gives one; `info`
    holds it. The observation is the position; an action of ±1 moves the point by ±0.1.

    Args:
        world: How the point moves and what it is paid.

    Example:
        >>> env = gymnasium.make(ID)
        >>> observation, info = env.reset(seed=0, options={"goal": (0.3, 0.0)})
        >>> observation, reward, terminated, truncated, info = env.step(env.action_space.high)
        >>> observation.tolist(), round(reward, 3), terminated
        ([0.10000000149011612, 0.10000000149011612], -0.224, False)
    """

    def __init__(self, world: World | None = None) -> None:
        self._world = World() if world is None else world
        far = self._world.speed * 1e4
        self.observation_space = Box(-far, far, (2,), np.float32)
        self.action_space = Box(-1.0, 1.0, (2,), np.float32)
        self._position = torch.zeros(2)
        self._goal = torch.zeros(2)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Start at the origin with another goal.

        Raises:
            ValueError: The goal is not two finite numbers.
        """
        super().reset(seed=seed)
        goal = (options or {}).get("goal")
        if goal is None:
            goal = self.np_random.uniform(-0.5, 0.5, 2)
        self._goal = torch.as_tensor(np.asarray(goal, np.float32))
        if self._goal.shape != (2,) or not self._goal.isfinite().all():
            raise ValueError(f"the goal must be two finite numbers (x, y), got {goal!r}")
        self._position = torch.zeros(2)
        return self._seen()

    def step(
        self, action: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Move once; `gymnasium.make` truncates after 100 steps."""
        move = torch.as_tensor(np.asarray(action, np.float32))
        self._position, reward, there = self._world.move(self._position, move, self._goal)
        observation, info = self._seen()
        return observation, float(reward), bool(there), False, info

    def _seen(self) -> tuple[NDArray[np.float32], dict[str, Any]]:
        return _array(self._position), {"goal": _array(self._goal)}


def _array(tensor: torch.Tensor) -> NDArray[np.float32]:
    # by a list: inside of torch.func a tensor gives no numpy array
    return np.asarray(tensor.tolist(), np.float32)


if ID not in gymnasium.registry:
    gymnasium.register(ID, entry_point=f"{__name__}:NavigationEnv", max_episode_steps=HORIZON)
