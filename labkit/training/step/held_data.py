"""Data that policies have drawn, held fixed while θ moves.

The trajectories of a batch of tasks are drawn once, with θ and θ'. Another θ then adapts on the
same support trajectories, and its objective is that of the same query trajectories, with the ratios
of the two policies' probabilities: a function of θ like that of any other data.
"""

from collections.abc import Sequence
from operator import itemgetter
from typing import Any

import torch
from torch import Tensor

from labkit.core import Algorithm, Draws, Params, TaskList, map_tasks, tree_leaves, tree_map
from labkit.training.model import TaskLoss


def hold(
    algorithm: Algorithm,
    loss_fn: TaskLoss,
    params: Params,
    support: Any,
    query: Any,
    *,
    vectorize: bool,
) -> tuple[Draws, Draws, Params]:
    """Draw the data of tasks: the support with θ_0 … θ_{K−1}, the query with θ_K.

    Args:
        algorithm: How tasks are adapted to, with its α, by steps that are differentiated through.
        loss_fn: Policy and family.
        params: θ.
        support: Of tasks, drawn with the parameters.
        query: Of tasks, drawn with the parameters.
        vectorize: Tasks side by side, or one after another.

    Returns:
        The same data for every θ, in the place of what draws them, and θ_K, (tasks, …).
    """
    task = algorithm.task(params)
    sizes, steps = task.loop.sizes(algorithm.alpha, params), task.loop.steps

    def draw(support: Draws, query: Draws) -> tuple[Any, Any, Params]:
        start = task.start(loss_fn, params, support)
        path = task.loop.run(loss_fn, start, support, sizes)[0]
        batches = [loss_fn.at_step(k).draw(path[k], support) for k in range(steps)]
        batches = batches or [loss_fn.at_step(0).draw(path[0], support)]
        stacked = tree_map(lambda *leaves: _stack(leaves), *batches)
        last = loss_fn.at_step(steps).draw(path[-1], query)
        fixed = tree_map(lambda leaf: leaf.detach()[None], last)
        return stacked, fixed, {name: p.detach() for name, p in path[-1].items()}

    if isinstance(support, TaskList):  # of functions, which go one after another
        alone = [draw(*data) for data in zip(support, query, strict=True)]
        batches, last, adapted = tree_map(lambda *leaves: torch.stack(leaves), *alone)
    else:
        batches, last, adapted = map_tasks(draw, support, query, vectorize=vectorize)
    return _held(support, batches), _held(query, last), adapted


def follows_theta(loss_fn: TaskLoss, params: Params, data: Any) -> bool:
    """Whether data that are drawn with the parameters have a derivative in them.

    Args:
        loss_fn: Policy and family.
        params: θ.
        data: Of tasks, drawn with the parameters.
    """
    one = data[0] if isinstance(data, TaskList) else tree_map(itemgetter(0), data)
    watched = {name: p.detach().requires_grad_() for name, p in params.items()}
    batch = loss_fn.draw(watched, one)
    return any(isinstance(leaf, Tensor) and leaf.requires_grad for leaf in tree_leaves(batch))


def is_drawn(data: Any) -> bool:
    """Whether data of tasks are drawn with the parameters."""
    return isinstance(data[0] if isinstance(data, TaskList) else data, Draws)


def _held(data: Any, batches: Any) -> Draws:
    """Data that were drawn, (tasks, steps, …), in the place of what draws them."""
    by_step = next(leaf.shape[1] for leaf in tree_leaves(batches)) > 1
    listed = isinstance(data, TaskList)
    seeds = torch.stack([each.seeds for each in data]) if listed else data.seeds
    return Draws((None, _as_drawn), by_step, (), seeds, batches)


def _as_drawn(params: Any, batch: Any, task: Any) -> Any:  # noqa: ARG001
    return batch


def _stack(leaves: Sequence[Tensor]) -> Tensor:
    return torch.stack([leaf.detach() for leaf in leaves])
