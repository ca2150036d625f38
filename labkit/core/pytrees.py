"""Nested dicts, lists and tuples of tensors, walked through without much ado.

What torch's own functions do for any registered type takes longer than a small meta-step. Here
plain containers are walked directly, in torch's order; everything else is left to torch.
"""

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor
from torch.utils import _pytree

_ENDS = (Tensor, int, type(None))
"""Types that are leaves for certain."""


def leaves(tree: Any) -> list[Any]:
    """What is at the ends, in the order of `torch.utils._pytree.tree_leaves`.

    Args:
        tree: Any pytree; None is a leaf.

    Example:
        >>> leaves({"w": 1, "more": [2, (3, None)]})
        [1, 2, 3, None]
    """
    found: list[Any] = []
    _collect(tree, found)
    return found


def map_leaves(function: Callable[[Any], Any], tree: Any) -> Any:
    """The same structure with a function of each leaf.

    Args:
        function: Leaf → anything.
        tree: Any pytree.

    Example:
        >>> map_leaves(str, {"w": 1, "more": [2, (3,)]})
        {'w': '1', 'more': ['2', ('3',)]}
    """
    kind = type(tree)
    if kind in _ENDS:
        return function(tree)
    if kind is dict:
        return {key: map_leaves(function, value) for key, value in tree.items()}
    if kind is list or kind is tuple:
        return kind([map_leaves(function, value) for value in tree])
    if _is_named(kind):
        return kind(*[map_leaves(function, value) for value in tree])
    return _pytree.tree_map(function, tree)


def filled(template: Any, values: Sequence[Any]) -> Any:
    """A structure of positions, with what is at these positions of a sequence.

    Args:
        template: Pytree of positions, or None where there is nothing.
        values: What to fill in.

    Example:
        >>> filled({"w": 1, "b": None}, ["zero", "one"])
        {'w': 'one', 'b': None}
    """
    return map_leaves(lambda at: None if at is None else values[at], template)


def _collect(tree: Any, found: list[Any]) -> None:
    if isinstance(tree, Tensor):
        found.append(tree)
        return
    kind = type(tree)
    if kind is dict:
        for value in tree.values():
            _collect(value, found)
    elif kind is list or kind is tuple or _is_named(kind):
        for value in tree:
            _collect(value, found)
    else:
        found.extend(_pytree.tree_leaves(tree))


def _is_named(kind: type) -> bool:
    """Whether it is a `typing.NamedTuple` of whatever kind."""
    return issubclass(kind, tuple) and hasattr(kind, "_fields")
