"""Which classes and which of their examples make up a few-shot task: indices, no data."""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from labkit.core import check_count


@final
@dataclass(frozen=True, slots=True)
class Episodes:
    """A batch of drawn tasks, as indices.

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
    class has `shots` support and `queries` query examples, all different. Both come in a random
    order, so that the place of a point tells nothing about its class.

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
        >>> drawn = sampler.draw(3, torch.Generator().manual_seed(0))
        >>> drawn.classes.shape, drawn.support.shape, drawn.query.shape
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
                f"ways={self.ways}, but there are {len(self.support)} classes: take ways ≤ "
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
                f"shots={self.shots} and queries={self.queries}: take fewer, or leave out such "
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
    # the support may take as many as it can of those that could also be query points
    taken = (support & query).sum(1).clamp(max=shots)
    return (support.sum(1) >= shots) & (query.sum(1) - taken >= queries)


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
