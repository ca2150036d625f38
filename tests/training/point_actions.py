"""A family whose data depend on θ: one Gaussian action for a goal, with a loss of its distance."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from labkit.core import OnPolicy, TaskList
from labkit.tasks import Predictor, TaskBatch


class Action(nn.Module):
    """The mean of the action, (1,), whatever is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(1))

    def forward(self) -> Tensor:
        return self.mean


@dataclass(frozen=True)
class Goals:
    """Goals from N(0, 1); the loss of actions x around the mean is mean (x − goal)²/2.

    Args:
        shots: Actions of each batch to adapt on.
        queries: Not used; sessions give it.
        listed: Each task has its own function.
        closed: Each batch of tasks has its own functions, which no recording may repeat.
    """

    shots: int = 5
    queries: int = 5
    listed: bool = False
    closed: bool = False

    def noise(self, generator: torch.Generator) -> Tensor:
        return torch.randn(self.shots, generator=generator)

    def act(self, predict: Predictor, noise: Tensor, goal: Tensor) -> tuple[Tensor, Tensor]:
        return predict() + 0.1 * noise, goal

    def sample(self, tasks: int, generator: torch.Generator) -> TaskBatch:
        goals = torch.randn(tasks, generator=generator)
        if self.listed:
            each = TaskList([OnPolicy(self.noise, self.act, goal) for goal in goals])
            functions = TaskList([one.__call__ for one in each])
            return TaskBatch(functions, functions)
        if self.closed:
            numbers = torch.arange(tasks)
            data = OnPolicy(
                self.noise, lambda f, e, i: self.act(f, e, (goals * (numbers == i)).sum()), numbers
            )
            return TaskBatch(data, data)
        data = OnPolicy(self.noise, self.act, goals)
        return TaskBatch(data, data, {"goal": goals})

    def loss(self, predict: Predictor, batch: Any) -> Tensor:  # noqa: ARG002
        actions, goal = batch
        loss: Tensor = (actions - goal).square().mean() / 2
        return loss

    def metrics(self, predict: Predictor, batch: Any) -> dict[str, Tensor]:  # noqa: ARG002
        return {"distance": (batch[0].mean() - batch[1]).abs()}
