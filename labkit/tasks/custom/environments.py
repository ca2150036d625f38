"""Tasks of a user's own `gymnasium` environments: one adapter for any family of them."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from labkit.core import TaskList, check_count
from labkit.core.policy_gradients import Objective, Steps, gaussian_log_prob
from labkit.tasks.family import Predictor, TaskBatch
from labkit.tasks.navigation import PolicyLoss, Trajectories, check_gaussian

if TYPE_CHECKING:
    from gymnasium import Env
    from gymnasium.spaces import Box
    from gymnasium.vector import SyncVectorEnv

Task: TypeAlias = dict[str, Any]
"""What tells a task from others: the arguments of `make`."""

LARGEST_SEED = 2**31


@final
class EnvironmentTasks:
    """Policies that adapt to environments of `gymnasium`, such as one with another goal each.

    The environments of a task step together; their policy must be Gaussian, such as
    `labkit.gaussian_policy`. Tasks are computed one after another and not recorded, as no engine
    can look into an environment; `Navigation` is a family that can be.

    Args:
        make: Task → a new environment; called for each episode that goes at once.
        draw: generator → task, a dict of arguments for `make`.
        shots: Trajectories to adapt on, ≥ 1.
        queries: Trajectories to be judged on, ≥ 1.
        horizon: Most steps of an episode, ≥ 1.
        objective: "dice", "lvc" or "surrogate", see `labkit.policy_objective`.
        discount: γ, from 0 to 1.
        gae: λ of generalised advantages, from 0 to 1.
        baseline: Subtract a linear baseline, fitted to the episodes of each task.
        normalise: As for `Navigation`.
        dtype: Of observations; that of the policy.

    Raises:
        ValueError: A value is out of its range; `make` or `draw` does not give what it should; the
            actions are discrete; one seed leads to two starts or first steps; or a number is not
            finite.
        ModuleNotFoundError: `gymnasium` is not installed: take the extra `gym`.

    Example:
        >>> import gymnasium
        >>> from labkit import MAML, MetaLearner, gaussian_policy
        >>> tasks = EnvironmentTasks(
        ...     lambda g: gymnasium.make("Pendulum-v1", g=g),
        ...     lambda generator: {"g": 8 + 4 * float(torch.rand((), generator=generator))},
        ...     shots=2, queries=2, horizon=5,
        ... )
        >>> policy = gaussian_policy(torch.Generator().manual_seed(0), observations=3, actions=1)
        >>> learner = MetaLearner(policy, tasks, MAML(), meta_batch=2, vectorize=False)
        >>> learner.step().loss_before > 0
        True
    """

    def __init__(
        self,
        make: "Callable[..., Env[Any, Any]]",
        draw: Callable[[torch.Generator], Task],
        *,
        shots: int = 20,
        queries: int = 20,
        horizon: int = 100,
        objective: Objective = "dice",
        discount: float = 0.99,
        gae: float = 1.0,
        baseline: bool = True,
        normalise: bool = True,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        for name, count in (("shots", shots), ("queries", queries), ("horizon", horizon)):
            check_count(name, count, 1)
        self.shots, self.queries, self.horizon = shots, queries, horizon
        self.objective = objective
        self._make, self._draw, self._dtype = make, draw, dtype
        self._loss = PolicyLoss(objective, discount, gae, baseline, normalise)
        self._check()

    def sample(self, tasks: int, generator: torch.Generator) -> TaskBatch:
        """Draw tasks; support and query are functions that run their environments."""
        chosen = [self._draw(generator) for _ in range(tasks)]
        support, query = (
            TaskList([partial(self.run, task, episodes) for task in chosen])
            for episodes in (self.shots, self.queries)
        )
        return TaskBatch(support, query)

    def run(
        self, task: Task, episodes: int, predict: Predictor, generator: torch.Generator
    ) -> Trajectories:
        """Let a policy act in the environments of a task; nothing has a derivative.

        Args:
            task: From `draw`.
            episodes: How many.
            predict: The policy, observations → (mean, log σ).
            generator: Gives the seeds of the environments and the noise of the actions.
        """
        envs = self._environments(task, episodes)
        low, high = envs.single_action_space.low, envs.single_action_space.high  # type: ignore[attr-defined]
        rows: list[tuple[Tensor, ...]] = []
        alive = torch.ones(episodes, dtype=self._dtype)
        try:
            seed = int(torch.randint(LARGEST_SEED, (), generator=generator))
            seen, _ = envs.reset(seed=seed)
            for _ in range(self.horizon):
                observation = torch.as_tensor(np.asarray(seen), dtype=self._dtype)
                with torch.no_grad():
                    mean, log_std = check_gaussian(predict(observation), len(low))
                    noise = torch.randn(mean.shape, generator=generator, dtype=self._dtype)
                    action = (mean + log_std.exp() * noise).detach()
                    log_prob = gaussian_log_prob(action, mean, log_std).detach()
                # a list: torch.func gives no numpy array of what it may differentiate
                moves = np.clip(np.asarray(action.tolist(), low.dtype), low, high)
                seen, paid, ended, cut, _ = envs.step(moves)
                reward = torch.as_tensor(np.asarray(paid), dtype=self._dtype)
                if not reward.isfinite().all():
                    raise ValueError(f"the environment of {task} gives the rewards {paid}")
                row = (observation, action, reward * alive, log_prob * alive, alive)
                rows.append(row)
                over = torch.as_tensor(np.asarray(ended) | np.asarray(cut))
                alive = alive * ~over
        finally:
            envs.close()
        seen_all, action, reward, log_prob, lived = (
            torch.stack(part, 1) for part in zip(*rows, strict=True)
        )
        return Trajectories(Steps(seen_all, reward, lived), action, log_prob, seen_all)

    def loss(self, predict: Predictor, batch: Trajectories) -> Tensor:
        """−(mean return), with the gradient of the objective."""
        return self._loss(predict, batch)

    def metrics(self, predict: Predictor, batch: Trajectories) -> dict[str, Tensor]:  # noqa: ARG002
        """Mean return."""
        return {"return": batch.steps.rewards.sum(-1).mean()}

    def _environments(self, task: Task, episodes: int) -> "SyncVectorEnv":
        from gymnasium.vector import SyncVectorEnv  # noqa: PLC0415  # an extra

        return SyncVectorEnv([partial(self._make, **task)] * episodes)

    def _check(self) -> None:
        """Try one environment."""
        from gymnasium import Env  # noqa: PLC0415  # an extra
        from gymnasium.spaces import Box  # noqa: PLC0415

        task = self._draw(torch.Generator().manual_seed(0))
        if not isinstance(task, dict):
            raise ValueError(f"draw must give a dict of arguments for make, got {task!r}")
        env = self._make(**task)
        if not isinstance(env, Env):
            raise ValueError(f"make must give a gymnasium.Env, got {env!r}")
        try:
            actions, observations = env.action_space, env.observation_space
            if not isinstance(actions, Box) or len(actions.shape) != 1:
                raise ValueError(
                    f"a Gaussian policy needs actions in a Box (n,), and {env} has {actions}: "
                    "discrete actions have no mean"
                )
            if not isinstance(observations, Box) or len(observations.shape) != 1:
                raise ValueError(
                    f"observations must be in a Box (n,), and {env} has {observations}: flatten "
                    "them by gymnasium.wrappers.FlattenObservation"
                )
            one, two = (_first_step(env, actions) for _ in range(2))
            for what, before, after in zip(("starts", "goes", "pays"), one, two, strict=True):
                if not np.isfinite(before).all():
                    raise ValueError(f"{env} {what} at {before}: its numbers must be finite")
                if not np.array_equal(before, after):
                    raise ValueError(
                        f"{env} {what} first at {before} and then at {after} with the same seed: "
                        "draw its random numbers from self.np_random, after "
                        "super().reset(seed=seed)"
                    )
        finally:
            env.close()


def _first_step(env: "Env[Any, Any]", actions: "Box") -> tuple[NDArray[Any], ...]:
    """Where an episode of one seed starts, where its first step goes, and what that is paid."""
    start = np.array(env.reset(seed=0)[0])
    middle = np.clip(np.zeros_like(actions.low), actions.low, actions.high)
    after, reward, *_ = env.step(middle)
    return start, np.array(after), np.array(float(reward))
