"""Tasks of different sizes in one batch: padded to one length, and a mask of what is real."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from labkit.core import check_count, count_listed, tree_leaves, tree_map
from labkit.tasks.family import TaskBatch

T = TypeVar("T")


class Padded(NamedTuple):
    """Support or query data of tasks that have different numbers of points.

    The points of a task come first, then others that stand in for the missing ones and count for
    nothing. As of any pytree, `part[i]` of each tensor is the data of task i.

    Attributes:
        values: Pytree of tensors, (tasks, points of the largest, …).
        mask: Which points belong to the task, bool, (tasks, points of the largest).
    """

    values: Any
    mask: Tensor

    def alone(self) -> Any:
        """The points of one task without the others; for data of one task, no task axis.

        Raises:
            RuntimeError: The task is one of several that `torch.func.vmap` computes together.
        """
        size = int(self.mask.sum())
        return tree_map(lambda tensor: tensor[:size], self.values)


def padded_batch(
    batch: TaskBatch, tasks: int, sample: Callable[[int], TaskBatch] | None = None
) -> TaskBatch:
    """Pad each part of a batch in which tasks have different sizes.

    Args:
        batch: Its parts are pytrees of tensors whose first axis is the task, and stay as they are;
            or, where tasks differ in size, pytrees that have in place of each tensor a list of
            `tasks` tensors, (points of this task, …), or a nested tensor.
        tasks: Number of tasks.
        sample: Draws a batch of another number of tasks. In that, a list with a tensor for each
            task has another length, unlike a list of even tensors. None: what can be read as both
            counts as a list of even tensors.

    Raises:
        ValueError: The tensors of a task have different numbers of points, one has none, or
            tensors of one list do not fit together.

    Example:
        >>> x = [torch.zeros(2, 1), torch.zeros(5, 1)]
        >>> support = padded_batch(TaskBatch((x, x), (x, x)), 2).support
        >>> support.values[0].shape, support.mask.sum(1)
        (torch.Size([2, 6, 1]), tensor([2, 5]))
    """
    parts = {name: getattr(batch, name) for name in ("support", "query")}
    for name, part in parts.items():
        if isinstance(part, Padded):
            continue
        uneven = _is_uneven(part, tasks)
        if uneven is None and sample is not None:
            more = getattr(sample(tasks + 1), name)
            uneven = len(tree_leaves(more)) > len(tree_leaves(part))
        if uneven:
            parts[name] = _padded(part, tasks, name)
    return TaskBatch(**parts, info=batch.info)


def padded_as_listed(batch: TaskBatch) -> TaskBatch:
    """The same for any number of tasks, which is that of the tensors in its lists.

    Raises:
        ValueError: As for `padded_batch`; or the lists have different lengths.
    """
    parts = (batch.support, batch.query)
    counts = {count for part in parts for count in _lengths(part)}
    if len(counts) > 1:
        raise ValueError(
            f"support and query have lists of {' and '.join(map(str, sorted(counts)))} tensors: "
            "give one tensor for each task"
        )
    if not counts:
        return batch
    tasks = counts.pop()
    support, query = (
        _padded(part, tasks, name) if _is_uneven(part, tasks) is not False else part
        for name, part in zip(("support", "query"), parts, strict=True)
    )
    return TaskBatch(support, query, batch.info)


def _lengths(part: Any) -> set[int]:
    """The numbers of tasks of a part that has lists of tensors of different lengths."""
    leaves = tree_leaves(part)
    if isinstance(part, Padded) or not all(isinstance(leaf, Tensor) for leaf in leaves):
        return set()
    if nested := {leaf.size(0) for leaf in leaves if leaf.is_nested}:
        return nested
    if len({len(leaf) if leaf.ndim else 0 for leaf in leaves}) < 2:
        return set()
    return _list_lengths(part)


def _list_lengths(part: Any) -> set[int]:
    if _is_list(part, len(part)):
        return {len(part)}
    inner = part.values() if isinstance(part, dict) else part
    return {n for each in inner if not isinstance(each, Tensor) for n in _list_lengths(each)}


def even_groups(support: Any, query: Any) -> Iterator[tuple[Tensor, Any, Any]]:
    """Groups of tasks of one size, without what was padded.

    Args:
        support: Pytree of tensors, (tasks, …), `Padded`, or a `TaskList`, each of whose tasks is a
            group.
        query: The same.

    Yields:
        Numbers of the tasks, ascending, and their support and query data.

    Example:
        >>> x = [torch.zeros(2, 1), torch.zeros(5, 1), torch.ones(2, 1)]
        >>> batch = padded_batch(TaskBatch(x, torch.zeros(3)), 3)
        >>> for numbers, support, _ in even_groups(batch.support, batch.query):
        ...     print(numbers.tolist(), tuple(support.shape))
        [0, 2] (2, 2, 1)
        [1] (1, 5, 1)
    """
    if (listed := count_listed(support, query)) is not None:
        for task in range(listed):
            one = tree_map(lambda tensor: tensor[None], (support[task], query[task]))
            yield torch.tensor([task]), *one
        return
    uneven = [part for part in (support, query) if isinstance(part, Padded)]
    if not uneven:
        count = len(tree_leaves(support)[0])
        yield torch.arange(count), support, query
        return
    sizes = torch.stack([part.mask.sum(1) for part in uneven], dim=1).cpu()  # (tasks, parts)
    for size in sorted(set(map(tuple, sizes.tolist()))):
        numbers = (sizes == torch.tensor(size)).all(1).nonzero().flatten()
        cut = dict(zip(map(id, uneven), size, strict=True))
        yield numbers, *(_chosen(part, numbers, cut.get(id(part))) for part in (support, query))


def by_size(function: Callable[[Any, Any], T], support: Any, query: Any) -> T:
    """A function of tasks of one size, for tasks of any sizes.

    Args:
        function: Support and query data of some tasks → pytree of tensors, (tasks, …).
        support: As for `even_groups`.
        query: As for `even_groups`.

    Returns:
        The same for all tasks, in their order.

    Example:
        >>> x = [torch.ones(2, 1), torch.ones(5, 1), torch.ones(2, 1)]
        >>> batch = padded_batch(TaskBatch(x, x), 3)
        >>> by_size(lambda support, query: query.sum((1, 2)), batch.support, batch.query)
        tensor([2., 5., 2.])
    """
    groups = list(even_groups(support, query))
    results = [function(*data) for _, *data in groups]
    if len(results) == 1:
        return results[0]
    place = torch.cat([numbers for numbers, *_ in groups]).argsort()
    ordered: T = tree_map(lambda *leaves: torch.cat(leaves)[place.to(leaves[0].device)], *results)
    return ordered


def size_range(name: str, value: int | tuple[int, int]) -> tuple[int, int]:
    """The smallest and the largest of a number of points, which may be one number for both.

    Raises:
        ValueError: It is no whole number ≥ 1, nor two of them in order.
    """
    if isinstance(value, tuple):
        whole = all(isinstance(n, int) and not isinstance(n, bool) for n in value)
        if len(value) != 2 or not whole or not 1 <= value[0] <= value[1]:
            raise ValueError(
                f"{name} must be a whole number ≥ 1, or two of them, the least and the most, such "
                f"as (1, 10), got {value!r}"
            )
        return value
    check_count(name, value, 1)
    return int(value), int(value)


def _chosen(part: Any, numbers: Tensor, size: int | None) -> Any:
    """The data of some tasks; of padded ones so many points."""
    if not isinstance(part, Padded):
        return tree_map(lambda tensor: tensor[numbers], part)
    return tree_map(lambda tensor: tensor[numbers, :size], part.values)


def _is_uneven(part: Any, tasks: int) -> bool | None:
    """Whether tasks have different sizes; None if it can be read in both ways."""
    leaves = tree_leaves(part)
    if not all(isinstance(leaf, Tensor) for leaf in leaves):
        return False
    if any(leaf.is_nested for leaf in leaves):
        return True
    if not _holds_list(part, tasks):
        return False
    return None if all(leaf.ndim and len(leaf) == tasks for leaf in leaves) else True


def _holds_list(part: Any, tasks: int) -> bool:
    """Whether a list of as many tensors as there are tasks is somewhere in it."""
    if _is_list(part, tasks):
        return True
    if not isinstance(part, dict | list | tuple):
        return False
    inner = part.values() if isinstance(part, dict) else part
    return any(_holds_list(each, tasks) for each in inner)


def _is_list(part: Any, tasks: int) -> bool:
    """A list of the tensors of all tasks, in place of one tensor."""
    if type(part) is not list or len(part) != tasks:
        return False
    return all(isinstance(each, Tensor) for each in part)


def _padded(part: Any, tasks: int, name: str) -> Padded:
    sizes: list[int] = []

    def pad(leaf: Any) -> Tensor:
        tensors = list(leaf)
        kinds = {(each.shape[1:], each.dtype) if each.ndim else None for each in tensors}
        if len(kinds) > 1 or None in kinds or len(tensors) != tasks:
            shapes = ", ".join(f"{tuple(each.shape)} {each.dtype}" for each in tensors[:5])
            raise ValueError(
                f"{name} has a list of tensors that differ in more than the number of points, "
                f"{shapes}: give one tensor (points, …) for each of the {tasks} tasks, of one type"
            )
        own = [len(each) for each in tensors]
        sizes[:] = sizes or own
        if own != sizes or not all(own):
            task = next(i for i in range(tasks) if own[i] != sizes[i] or not own[i])
            raise ValueError(
                f"{name} of task {task} has tensors of {sizes[task]} and {own[task]} points: "
                "all tensors of a task need the same number of points, at least 1"
            )
        length = _length(max(own))
        place = torch.arange(length, device=tensors[0].device)
        # by points of the task itself: a model or loss can do no other on them than on the others
        return torch.stack(
            [each[place.where(place < len(each), torch.zeros_like(place))] for each in tensors]
        )

    def walk(node: Any) -> Any:
        if isinstance(node, Tensor) and node.is_nested:
            return pad(node.unbind())
        if _is_list(node, tasks):
            return pad(node)
        if isinstance(node, dict):
            return {key: walk(value) for key, value in node.items()}
        if isinstance(node, list | tuple):
            values = [walk(value) for value in node]
            return type(node)(*values) if hasattr(node, "_fields") else type(node)(values)
        raise ValueError(
            f"{name} has lists of tensors, one for each of the {tasks} tasks, and also a tensor of "
            f"shape {tuple(node.shape)}: give every tensor as such a list, list(tensor)"
        )

    values = walk(part)
    first = tree_leaves(values)[0]
    length = torch.arange(first.shape[1], device=first.device)
    return Padded(values, length < torch.tensor(sizes, device=first.device)[:, None])


def _length(points: int) -> int:
    """From 1, 2, 3, 4, 6, 8, 12 …: few lengths, as meta-steps of one shape can be recorded."""
    power = 1 << max(0, (points - 1).bit_length() - 1)
    return next(length for length in (power, 3 * power // 2, 2 * power) if length >= points)
