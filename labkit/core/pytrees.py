"""Nested dicts, lists and tuples of tensors: the one door to `torch.utils._pytree`.

torch's own functions, which serve any registered type, take longer than a small meta-step. Here
plain containers are walked directly, in torch's order; everything else is left to torch.
"""

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor
from torch.utils import _pytree

_ENDS = (Tensor, int, type(None))
"""Types that are always leaves."""


def tree_leaves(tree: Any) -> list[Any]:
    """The leaves, in the order of `torch.utils._pytree.tree_leaves`.

    Args:
        tree: Any pytree; None is a leaf.

    Example:
        >>> tree_leaves({"w": 1, "more": [2, (3, None)]})
        [1, 2, 3, None]
    """
    leaves: list[Any] = []
    _collect(tree, leaves)
    return leaves


def tree_map(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """The same structure with a function of each leaf.

    Args:
        function: One leaf of each tree → anything.
        tree: Any pytree.
        others: Pytrees of the same structure.

    Example:
        >>> tree_map(str, {"w": 1, "more": [2, (3,)]})
        {'w': '1', 'more': ['2', ('3',)]}
        >>> tree_map(max, {"w": 1, "b": 5}, {"w": 4, "b": 2})
        {'w': 4, 'b': 5}
    """
    return _pytree.tree_map(function, tree, *others) if others else _map(function, tree)


def tree_fill(template: Any, values: Sequence[Any]) -> Any:
    """Replace the positions in a structure by the entries of a sequence at these positions.

    Args:
        template: Pytree of positions, with None where there is no entry.
        values: The entries.

    Example:
        >>> tree_fill({"w": 1, "b": None}, ["zero", "one"])
        {'w': 'one', 'b': None}
    """
    return _map(lambda at: None if at is None else values[at], template)


def tree_positions(tree: Any) -> Any:
    """A template for `tree_fill`: the positions of the leaves that are not None, in their order.

    Args:
        tree: Any pytree.

    Example:
        >>> tree_positions({"w": "zero", "b": None, "c": ["one"]})
        {'w': 0, 'b': None, 'c': [1]}
    """
    leaves, structure = _pytree.tree_flatten(tree)
    count = iter(range(len(leaves)))
    positions = [None if leaf is None else next(count) for leaf in leaves]
    return _pytree.tree_unflatten(positions, structure)


def register_node(
    kind: type,
    flatten: Callable[[Any], tuple[Sequence[Any], Any]],
    unflatten: Callable[[Sequence[Any], Any], Any],
) -> None:
    """Let a class of labkit be a node of pytrees, for torch's transforms too.

    Args:
        kind: The class.
        flatten: From one of its objects to its children, and what else it holds.
        unflatten: The inverse, of the two.
    """
    _pytree.register_pytree_node(
        kind,
        lambda node: (list(flatten(node)[0]), flatten(node)[1]),
        lambda children, context: unflatten(list(children), context),
    )


def _map(function: Callable[[Any], Any], tree: Any) -> Any:
    kind = type(tree)
    if kind in _ENDS:
        return function(tree)
    if kind is dict:
        return {key: _map(function, value) for key, value in tree.items()}
    if kind is list or kind is tuple:
        return kind([_map(function, value) for value in tree])
    if _is_named(kind):
        return kind(*[_map(function, value) for value in tree])
    return _pytree.tree_map(function, tree)


def _collect(tree: Any, leaves: list[Any]) -> None:
    if isinstance(tree, Tensor):
        leaves.append(tree)
        return
    kind = type(tree)
    if kind is dict:
        for value in tree.values():
            _collect(value, leaves)
    elif kind is list or kind is tuple or _is_named(kind):
        for value in tree:
            _collect(value, leaves)
    else:
        leaves.extend(_pytree.tree_leaves(tree))


def _is_named(kind: type) -> bool:
    """Whether this is a `typing.NamedTuple` or a `collections.namedtuple`."""
    return issubclass(kind, tuple) and hasattr(kind, "_fields")
