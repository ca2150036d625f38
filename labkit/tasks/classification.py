"""What every family of few-shot classification tasks shares: the loss, the labels, the accuracy."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from labkit.tasks.family import Predictor, TaskBatch

Points = tuple[Tensor, Tensor]
"""Inputs (points, …) and labels (points,) of the support or query data of one task."""


class Classification(ABC):
    """N-way classification: a model gives one logit for each of the N classes of a task.

    L = −(1/P) Σ_p log softmax(f(x_p))_{y_p}, the *mean* over the P points.

    The released code of the paper divides by the K shots and then sums over the N·K support
    points, so that its inner gradient is N times this one's. Its α = 0.4 for 5 ways is α = 2.0
    here, and so is its α = 0.1 for 20 ways.

    Source:
        Finn, Abbeel, Levine 2017, arXiv:1703.03400, §3.1 and eq. 3; `xent` in the `utils.py` of
        its released code.

    Example:
        >>> class Signs(Classification):
        ...     def sample(self, tasks, generator):
        ...         x = torch.randn(tasks, 4, 1, generator=generator)
        ...         y = (x[..., 0] > 0).long()
        ...         return TaskBatch(support=(x, y), query=(x, y))
        >>> x, y = Signs().sample(3, torch.Generator().manual_seed(0)).query
        >>> Signs().metrics(lambda x: torch.cat([-x, x], dim=-1), (x[0], y[0]))
        {'accuracy': tensor(1.)}
    """

    __slots__ = ()

    @abstractmethod
    def sample(self, tasks: int, generator: torch.Generator) -> TaskBatch:
        """Draw `tasks` tasks; support and query are (inputs, labels), labels (tasks, points)."""

    def loss(self, predict: Predictor, batch: Points) -> Tensor:
        """Mean cross-entropy of predict(x), (points, ways), against the labels; 0-d."""
        x, y = batch
        return cross_entropy(predict(x), y)

    def labels(self, batch: Points) -> Tensor:
        """Class of each point, (points,), 0 … ways − 1."""
        return batch[1]

    def metrics(self, predict: Predictor, batch: Points) -> dict[str, Tensor]:
        """Name → 0-d measure; the accuracy is the share of points whose class is found."""
        x, y = batch
        logits = predict(x)
        return {"accuracy": (logits.argmax(-1) == y).to(logits.dtype).mean()}
