"""Few-shot classification: loss, labels, accuracy, and which classes and examples make a task."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from labkit.core import check_count
from labkit.tasks.family import Predictor, TaskBatch

Points = tuple[Tensor, Tensor]
"""Inputs (points, …) and labels (points,) of the support or query data of one task."""


class Classification(ABC):
    """N-way classification: a model gives one logit for each of the N classes of a task.

    L = −(1/P) Σ_p log softmax(f(x_p))_{y_p}, the *mean* over the P points.

    The released code of the paper divides by the K shots and then sums over the N·K support
    points; its inner gradient is therefore N times this one's. Its α = 0.4 for 5 ways is α = 2.0
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
        """Name → 0-d measure; the accuracy is the share of points that are classified correctly."""
        x, y = batch
        logits = predict(x)
        return {"accuracy": (logits.argmax(-1) == y).to(logits.dtype).mean()}


@final
@dataclass(frozen=True, slots=True)
class Episodes:
    """A batch of tasks, as indices.

    Attributes:
        classes: Class that carries each label, (tasks, ways); all of a task are different.
        support: Example of each support point, (tasks, ways · shots).
        support_labels: Label of each support point, 0 … ways − 1, in a random order; same shape.
        query: Example of each query point, (tasks, ways · queries).
        query_labels: Label of each query point, in a random order; same shape.
    """

    classes: Tensor
    support: Tensor
    support_labels: Tensor
    query: Tensor
    query_labels: Tensor


@final
@dataclass(frozen=True, slots=True)
class EpisodeSampler:
    """Draws N-way K-shot tasks from classes of examples, without a loop over any of them.

    Each task has `ways` different classes, every choice and order of them equally likely; each
    class has `shots` support and `queries` query examples, all different. Both are in a random
    order: the position of a point says nothing about its class.

    Args:
        support: Which examples may be support points, bool, (classes, examples).
        query: Which may be query points, same shape; those drawn for the support never are.
        ways: N ≥ 1, classes per task.
        shots: K ≥ 1, support points per class.
        queries: Query points per class, ≥ 1.
        names: Names of the classes, for errors; () counts them.

    Raises:
        ValueError: A count is below 1, there are fewer classes than ways, or a class might run
            out of examples.

    Example:
        >>> present = torch.ones(10, 4, dtype=torch.bool)
        >>> sampler = EpisodeSampler(present, present, ways=5, shots=1, queries=2)
        >>> episodes = sampler.draw(3, torch.Generator().manual_seed(0))
        >>> episodes.classes.shape, episodes.support.shape, episodes.query.shape
        (torch.Size([3, 5]), torch.Size([3, 5]), torch.Size([3, 10]))
    """

    support: Tensor
    query: Tensor
    ways: int
    shots: int
    queries: int
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("ways", "shots", "queries"):
            check_count(name, getattr(self, name), 1)
        if self.ways > len(self.support):
            raise ValueError(
                f"ways={self.ways}, but there are {len(self.support)} classes: use ways ≤ "
                f"{len(self.support)} or give more classes"
            )
        short = ~large_enough(self.support, self.query, self.shots, self.queries)
        if short.any():
            first = int(short.nonzero()[0, 0])
            have = int((self.support | self.query)[first].sum())
            name = repr(self.names[first]) if self.names else str(first)
            raise ValueError(
                f"class {name} has {have} examples ({int(self.support[first].sum())} for the "
                f"support, {int(self.query[first].sum())} for the query), too few for "
                f"shots={self.shots} and queries={self.queries}: use fewer, or leave out such "
                f"classes ({int(short.sum())} of {len(short)})"
            )

    def draw(self, tasks: int, generator: torch.Generator) -> Episodes:
        """Draw `tasks` tasks; equal generator states give equal tasks."""
        check_count("tasks", tasks, 1)
        device = generator.device
        classes = _keys((tasks, len(self.support)), generator).topk(self.ways).indices
        support, query = (mask.to(device)[classes] for mask in (self.support, self.query))
        # (tasks, ways, shots) and (tasks, ways, queries)
        chosen_support = choose(support, self.shots, generator)
        left = query.scatter(-1, chosen_support, value=False)
        chosen_query = choose(left, self.queries, generator)
        return Episodes(
            classes, *_shuffled(chosen_support, generator), *_shuffled(chosen_query, generator)
        )


def large_enough(support: Tensor, query: Tensor, shots: int, queries: int) -> Tensor:
    """Which classes have enough examples, whatever is drawn for the support, bool, (classes,).

    Args:
        support: Which examples may be support points, bool, (classes, examples).
        query: Which may be query points, same shape.
        shots: Support points per class, ≥ 1.
        queries: Query points per class, ≥ 1.
    """
    # in the worst case the support uses up examples that could also have been query points
    shared = (support & query).sum(1).clamp(max=shots)
    return (support.sum(1) >= shots) & (query.sum(1) - shared >= queries)


def choose(allowed: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """`count` different indices of the last axis where `allowed`, in a random order.

    Each row must allow at least `count`.
    """
    keys = _keys(tuple(allowed.shape), generator).masked_fill(~allowed, -1.0)
    return keys.topk(count).indices


def _shuffled(chosen: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """(tasks, ways, each) → examples and labels in one random order, (tasks, ways · each)."""
    tasks, ways, each = chosen.shape
    order = _keys((tasks, ways * each), generator).argsort(dim=-1)
    return chosen.flatten(1).gather(1, order), order // each


def _keys(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    # float64: with 2^53 values, two equal keys, which would favour an order, do not happen
    return torch.rand(shape, generator=generator, dtype=torch.float64, device=generator.device)
