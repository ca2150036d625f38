"""A function of tensors traced to a graph, operation by operation, while it runs."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from operator import getitem
from typing import Any, NamedTuple, final

import torch
from torch import Tensor
from torch.func import functionalize
from torch.fx import Graph, Node

from labkit.core import tree_map
from labkit.training.engine.fallback import private_interface
from labkit.training.engine.torch_trace import (
    TorchDispatchMode,
    WeakIdKeyDictionary,
    is_mutable,
)

_LIKE = "like"
"""The key of a node's meta under which its `Like` is stored."""

_NUMBERS_DECIDE = (torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape)


class Like(NamedTuple):
    """Everything about a tensor except its numbers."""

    shape: list[int]
    strides: list[int]
    dtype: torch.dtype


def like(node: object) -> Like | None:
    """The `Like` of a node's tensor; None for anything but a node of one tensor."""
    return node.meta.get(_LIKE) if isinstance(node, Node) else None


def traced(
    function: Callable[..., list[Tensor]], arguments: Sequence[Tensor]
) -> tuple[Graph, list[Tensor]]:
    """Trace the operations of a function, none of which may write to an existing tensor.

    `torch.fx`'s own `make_fx` gives the same graph. It also derives each shape without numbers,
    which are available here, and takes several times as long as the operations.

    Args:
        function: Of tensors, by operations that do not depend on their numbers.
        arguments: To call it with, once.

    Returns:
        The operations, from the arguments and then the other tensors that the function reads, and
        these other tensors.

    Raises:
        RuntimeError: The operations depend on numbers, or one writes to a tensor that the function
            has not created.

    Example:
        >>> graph, others = traced(lambda x: [x + torch.ones(2)], [torch.zeros(2)])
        >>> [str(node.target) for node in graph.nodes if node.op == "call_function"]
        ['aten.ones.default', 'aten.add.Tensor']
    """
    with ExitStack() as stack:
        with private_interface("torch.utils._python_dispatch.TorchDispatchMode"):
            tape = stack.enter_context(_Tape(arguments))
        outputs = functionalize(function)(*arguments)
    return tape.graph_to(outputs), tape.others


@final
class _Tape(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Records each operation while it is active."""

    def __init__(self, arguments: Sequence[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.others: list[Tensor] = []
        self._graph = Graph()
        self._nodes = WeakIdKeyDictionary()
        """The node of each live tensor."""
        self._last: Node | None = None
        for number, argument in enumerate(arguments):
            self._placeholder(argument, f"argument_{number}")

    def graph_to(self, outputs: list[Tensor]) -> Graph:
        """The graph of all operations so far, with these outputs."""
        self._graph.output([self._node(tensor) for tensor in outputs])
        return self._graph

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if any(tag in operation.tags for tag in _NUMBERS_DECIDE):
            raise RuntimeError(f"the result of {operation} depends on numbers")
        if is_mutable(operation):
            raise RuntimeError(f"{operation} writes to a tensor that this function has not created")
        output = operation(*args, **(kwargs or {}))
        node = self._graph.call_function(
            operation, tree_map(self._argument, args), tree_map(self._argument, kwargs or {})
        )
        self._follow(output, node)
        return output

    def _argument(self, leaf: Any) -> Any:
        return self._node(leaf) if isinstance(leaf, Tensor) else leaf

    def _follow(self, output: Any, node: Node) -> None:
        if isinstance(output, Tensor):
            self._nodes[output] = node
            node.meta[_LIKE] = Like(list(output.shape), list(output.stride()), output.dtype)
        elif isinstance(output, tuple | list):
            for place, part in enumerate(output):
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
