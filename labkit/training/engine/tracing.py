"""What a function does to tensors, written down operation by operation while it does it."""

from collections.abc import Callable, Sequence
from operator import getitem
from typing import Any, NamedTuple, final

import torch
from torch import Tensor
from torch.func import functionalize
from torch.fx import Graph, Node
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only
from torch.utils.weak import WeakIdKeyDictionary

_LIKE = "like"
"""Where a node's meta keeps what its tensor is like."""

_NUMBERS_DECIDE = (torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape)


class Like(NamedTuple):
    """Everything about a tensor but its numbers."""

    shape: list[int]
    strides: list[int]
    dtype: torch.dtype


def like(node: object) -> Like | None:
    """What the tensor of a node is like; None for what is no node of one tensor."""
    return node.meta.get(_LIKE) if isinstance(node, Node) else None


def traced(
    function: Callable[..., list[Tensor]], arguments: Sequence[Tensor]
) -> tuple[Graph, list[Tensor]]:
    """The operations of a function, none of which writes to a tensor that is there.

    `torch.fx`'s own `make_fx` finds the same ones. It also derives each shape anew without
    numbers, which here are at hand, and takes several times as long as the operations.

    Args:
        function: Of tensors, by operations that do not depend on their numbers.
        arguments: To do it with, once.

    Returns:
        The operations, from the arguments and then the tensors that the function reads beside
        them, and these tensors.

    Raises:
        RuntimeError: What the function does depends on numbers, or it writes to a tensor that it
            has not made.

    Example:
        >>> graph, others = traced(lambda x: [x + torch.ones(2)], [torch.zeros(2)])
        >>> [str(node.target) for node in graph.nodes if node.op == "call_function"]
        ['aten.ones.default', 'aten.add.Tensor']
    """
    tape = _Tape(arguments)
    with tape:
        found = functionalize(function)(*arguments)
    return tape.graph_to(found), tape.others


@final
class _Tape(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Writes down each operation that is done while it is on."""

    def __init__(self, arguments: Sequence[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.others: list[Tensor] = []
        self._graph = Graph()
        self._nodes = WeakIdKeyDictionary()
        """Of the tensors that there are."""
        self._last: Node | None = None
        for number, argument in enumerate(arguments):
            self._placeholder(argument, f"argument_{number}")

    def graph_to(self, found: list[Tensor]) -> Graph:
        """All that was written down, with what the function has found as its output."""
        self._graph.output([self._node(tensor) for tensor in found])
        return self._graph

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if any(tag in operation.tags for tag in _NUMBERS_DECIDE):
            raise RuntimeError(f"what {operation} gives depends on numbers")
        if operation._schema.is_mutable:
            raise RuntimeError(f"{operation} writes to a tensor that is not of this function")
        found = operation(*args, **(kwargs or {}))
        node = self._graph.call_function(
            operation,
            tree_map_only(Tensor, self._node, args),
            tree_map_only(Tensor, self._node, kwargs or {}),
        )
        self._follow(found, node)
        return found

    def _follow(self, found: Any, node: Node) -> None:
        if isinstance(found, Tensor):
            self._nodes[found] = node
            node.meta[_LIKE] = Like(list(found.shape), list(found.stride()), found.dtype)
        elif isinstance(found, tuple | list):
            for place, part in enumerate(found):
                self._follow(part, self._graph.call_function(getitem, (node, place)))

    def _node(self, tensor: Tensor) -> Node:
        node: Node | None = self._nodes.get(tensor)  # type: ignore[no-untyped-call]
        if node is None:
            node = self._placeholder(tensor, f"other_{len(self.others)}")
            self.others.append(tensor)
        return node

    def _placeholder(self, tensor: Tensor, name: str) -> Node:
        if self._last is None:
            node = self._graph.placeholder(name)
        else:
            with self._graph.inserting_after(self._last):
                node = self._graph.placeholder(name)
        self._last = node
        self._follow(tensor, node)
        return node
