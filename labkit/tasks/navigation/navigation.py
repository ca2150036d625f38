"""The paper's 2D navigation as a task family: policies that adapt by policy gradients."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, final

import torch
from torch import Tensor

from labkit.core import OnPolicy, check_count, is_number
from labkit.tasks.family import PathPortrait, Predictor, TaskBatch
from labkit.tasks.navigation.policy_loss import AnyObjective, PolicyLoss
from labkit.tasks.navigation.trajectories import Trajectories, roll_out
from labkit.tasks.navigation.world import Disc, Reward, World

Goals: TypeAlias = Literal["square", "circle"]

CIRCLE_RADIUS = 0.5

PATHS = 6
"""Episodes that a portrait shows."""


@final
@dataclass(frozen=True, slots=True)
class Navigation:
    """Reach a goal that the policy does not see, from episodes that it draws itself.

    A task is a goal; its data are trajectories of the policy with the parameters of each inner
    step. The loss is −(mean return), Σ of the rewards of an episode; its gradient is a policy
    gradient, of advantages with the discount γ, by one of four objectives:

    - "dice", "lvc", "surrogate": see `labkit.policy_objective`.
    - "pathwise": the derivative through the simulation itself. A real environment has none; here
      it shows what the others could reach. Its second derivative does not know that other
      parameters would clip other actions, nor its first that episodes would end elsewhere.

    With `normalise`, advantages have mean 0 and variance 1 over the steps of a task and the
    objective is a mean over its steps, as in the paper's code. Without it the gradient is that of
    the mean discounted return.

    Args:
        shots: Trajectories to adapt on, ≥ 1.
        queries: Trajectories to be judged on, ≥ 1.
        horizon: Steps of an episode, ≥ 1.
        reward: "distance" (the paper's released code) or "squared" (its text).
        goals: "square": uniform in [−0.5, 0.5]²; "circle": evenly spaced on a circle of radius 0.5.
        fixed_goals: Goals on the circle, ≥ 1.
        goal_speed: How far the goal moves in each step, in a direction of each task, ≥ 0.
        obstacles: Discs (x, y, radius) that the point does not enter.
        reach: How near along each axis is there, ≥ 0; 0: episodes never end early.
        smooth: Move by tanh of the action in place of the clip. With reach=0 "pathwise" is then
            exact: nothing has a kink or a jump.
        oracle: Show the policy the goal: its observations are then (x, y, goal's x, y).
        objective: "dice", "lvc", "surrogate" or "pathwise".
        discount: γ, from 0 to 1.
        gae: λ of generalised advantages, from 0 to 1.
        baseline: Subtract a linear baseline, fitted to the episodes of each task.
        normalise: Standardise advantages.

    Raises:
        ValueError: A value is out of its range.

    Source:
        Finn, Abbeel, Levine 2017, arXiv:1703.03400, §5.3: goals in [−0.5, 0.5]², velocities clipped
        to ±0.1, horizon 100, 20 trajectories; discount 0.99 and the end near the goal as in its
        released code.

    Example:
        >>> from labkit import MAML, MetaLearner, gaussian_policy
        >>> tasks = Navigation(shots=4, queries=4, horizon=10)
        >>> learner = MetaLearner(gaussian_policy, tasks, MAML(alpha=0.1), meta_batch=2)
        >>> learner.step().loss_before > 0
        True
    """

    shots: int = 20
    queries: int = 20
    horizon: int = 100
    reward: Reward = "distance"
    goals: Goals = "square"
    fixed_goals: int = 8
    goal_speed: float = 0.0
    obstacles: Sequence[Disc] = ()
    reach: float = 0.01
    smooth: bool = False
    oracle: bool = False
    objective: AnyObjective = "dice"
    discount: float = 0.99
    gae: float = 1.0
    baseline: bool = True
    normalise: bool = True

    def __post_init__(self) -> None:
        for name in ("shots", "queries", "horizon", "fixed_goals"):
            check_count(name, getattr(self, name), 1)
        if self.goals not in ("square", "circle"):
            raise ValueError(f"goals must be 'square' or 'circle', got {self.goals!r}")
        if not is_number(self.goal_speed) or not 0 <= self.goal_speed < math.inf:
            raise ValueError(f"goal_speed must be a finite number ≥ 0, got {self.goal_speed!r}")
        self.world, self._loss  # noqa: B018  # check the rest

    @property
    def world(self) -> World:
        """How the point moves and what it is paid."""
        return World(
            self.reward,
            reach=self.reach,
            smooth=self.smooth,
            obstacles=tuple(self.obstacles),
        )

    def sample(self, tasks: int, generator: torch.Generator) -> TaskBatch:
        """Draw goals; support and query are drawn with the policy later."""
        share = torch.rand(tasks, 3, generator=generator, dtype=torch.float64)
        goal = share[:, :2] - 0.5
        if self.goals == "circle":
            angle = 2 * math.pi * (share[:, 0] * self.fixed_goals).floor() / self.fixed_goals
            goal = CIRCLE_RADIUS * torch.stack([angle.cos(), angle.sin()], -1)
        heading = 2 * math.pi * share[:, 2]
        drift = self.goal_speed * torch.stack([heading.cos(), heading.sin()], -1)
        return self.on_goals({"goal": goal, "drift": drift})

    def on_goals(self, info: dict[str, Tensor]) -> TaskBatch:
        """The batch of given goals.

        Args:
            info: "goal": where each is at the start; "drift": how far it moves in each step;
                (tasks, 2) each, as `sample` has them.
        """
        support = OnPolicy(self._support_noise, self.draw, info)
        query = OnPolicy(self._query_noise, self.draw, info)
        return TaskBatch(support, query, info)

    def comparable(self, objective: AnyObjective) -> "Navigation":
        """The same tasks with another objective, whose gradient is that of the mean return.

        Advantages are not standardised and λ is 1: all objectives then have one expectation.
        """
        return replace(self, objective=objective, normalise=False, gae=1.0)

    @property
    def rough(self) -> str:
        """Why "pathwise" is not exact here, in words; "" if it is."""
        kinks = [
            *(["actions are clipped"] if not self.smooth else []),
            *(["episodes end at the goal"] if self.reach else []),
            *(["obstacles stop the point"] if self.obstacles else []),
        ]
        return " and ".join(kinks)

    def with_goal(self, task: TaskBatch, goal: tuple[float, float]) -> TaskBatch:
        """A batch of one task with another goal, and the same random numbers.

        Args:
            task: From a learner, such as `one_task` gives.
            goal: x and y, finite; it may be outside of the square.

        Raises:
            ValueError: The goal is not two finite numbers.
        """
        if len(goal) != 2 or not all(is_number(v) and math.isfinite(v) for v in goal):
            raise ValueError(f"a goal must be two finite numbers (x, y), got {goal!r}")
        info = task.info | {"goal": task.info["goal"].new_tensor([goal])}
        support, query = (replace(part, tasks=info) for part in (task.support, task.query))
        return TaskBatch(support, query, info)

    def bound(self, info: dict[str, Tensor]) -> tuple[str, float, str] | None:
        """The return that no policy exceeds in the mean over goals; None if the goals move."""
        if self.goal_speed:
            return None
        best = self.world.best_returns(info["goal"], self.horizon)
        return "return", float(best.mean()), "best possible"

    def draw(self, predict: Predictor, noise: Tensor, task: dict[str, Tensor]) -> Trajectories:
        """Trajectories of one task, see `roll_out`.

        Args:
            predict: The policy.
            noise: (episodes, horizon, 2).
            task: Goal at the start, and how far it moves in each step, (2,) each.
        """
        time = torch.arange(self.horizon, dtype=noise.dtype, device=noise.device)[:, None]
        goal = task["goal"].to(noise) + time * task["drift"].to(noise)  # (horizon, 2)

        def observe(position: Tensor) -> Tensor:
            if not self.oracle:
                return position
            return torch.cat([position, goal[0].expand_as(position)], -1)

        pathwise = self.objective == "pathwise"
        return roll_out(self.world, predict, noise, goal, observe, pathwise=pathwise)

    def loss(self, predict: Predictor, batch: Trajectories) -> Tensor:
        """−(mean return), with the gradient of the objective."""
        return self._loss(predict, batch)

    def metrics(self, predict: Predictor, batch: Trajectories) -> dict[str, Tensor]:  # noqa: ARG002
        """Mean return, and the share of episodes that come to the goal."""
        arrived = 1 - batch.steps.alive[:, -1]
        return {"return": batch.steps.rewards.sum(-1).mean(), "arrived": arrived.mean()}

    def divergence(self, old: Predictor, new: Predictor, batch: Trajectories) -> Tensor:
        """Mean KL(old ‖ new) over the steps of the episodes, 0-d."""
        return self._loss.divergence(old, new, batch)

    def portrait(self, task: TaskBatch, predictors: Sequence[Predictor]) -> PathPortrait:
        """Some paths to the goal after each inner step, all with the same random numbers."""
        data = {name: values[0] for name, values in task.info.items()}
        seed = int(task.query.seeds[0])
        noise = self._noise(PATHS, torch.Generator().manual_seed(seed)).to(data["goal"])
        with torch.no_grad():
            walks = [self.draw(predict, noise, data) for predict in predictors]
        started = torch.ones_like(walks[0].steps.alive[:, :1])
        paths = [
            each.positions.where(torch.cat([started, each.steps.alive], 1)[..., None] > 0, math.nan)
            for each in walks
        ]
        x, y = data["goal"].tolist()
        return PathPortrait(
            paths=torch.stack(paths),
            goal=data["goal"],
            obstacles=torch.tensor(self.world.obstacles).reshape(-1, 3),
            title=f"goal ({x:.2f}, {y:.2f})".replace("-", "−"),
        )

    @property
    def _loss(self) -> PolicyLoss:
        return PolicyLoss(self.objective, self.discount, self.gae, self.baseline, self.normalise)

    def _support_noise(self, generator: torch.Generator) -> Tensor:
        return self._noise(self.shots, generator)

    def _query_noise(self, generator: torch.Generator) -> Tensor:
        return self._noise(self.queries, generator)

    def _noise(self, episodes: int, generator: torch.Generator) -> Tensor:
        shape = (episodes, self.horizon, 2)
        return torch.randn(shape, generator=generator, dtype=torch.float64)
